SELECT w.id, w.visit, w.rung, w.way, w.state, w.claimed, w.sent_at, w.claimed_at
  FROM writeback w
  JOIN visit v ON v.tenant = w.tenant AND v.id = w.visit
 WHERE w.tenant = $1 AND w.referral = $2 AND w.visit = $3

SELECT w.visit, w.state, w.code
  FROM writeback w
  JOIN visit v ON v.tenant = w.tenant AND v.id = w.visit
 WHERE w.tenant = $1 AND w.referral = $2
 ORDER BY v.recorded_at DESC
 LIMIT 1

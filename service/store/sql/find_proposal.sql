SELECT p.id, p.referral, p.hold_id, p.window_id, h.practitioner, h.location, h.starts, h.ends,
       p.round, p.state, coalesce(h.expires_at, h.ends) AS expires, p.made_at, p.answer_rid,
       p.replaces
  FROM proposal p
  JOIN hold h ON h.tenant = p.tenant AND h.id = p.hold_id
 WHERE p.tenant = $1 AND p.id = $2
 ORDER BY h.starts, p.id

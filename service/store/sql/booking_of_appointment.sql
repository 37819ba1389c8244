SELECT p.id, p.placer_id, p.referral, p.state, p.hold_id, p.answered_at, h.starts, h.ends,
       h.practitioner, h.location
  FROM proposal p
  JOIN hold h ON h.tenant = p.tenant AND h.id = p.hold_id
 WHERE p.tenant = $1 AND p.id = $2

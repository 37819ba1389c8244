SELECT p.id, p.state, h.starts, h.ends
  FROM proposal p
  JOIN hold h ON h.tenant = p.tenant AND h.id = p.hold_id
 WHERE p.tenant = $1 AND p.referral = $2 AND p.state IN ('open', 'accepted', 'arrived', 'fulfilled')
 ORDER BY h.starts, p.id

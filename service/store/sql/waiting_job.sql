SELECT id
  FROM outbox
 WHERE tenant = $1 AND referral = $2 AND kind = $3 AND state = 'needs-person'
 ORDER BY id
 LIMIT 1
   FOR UPDATE

SELECT id, kind, dedupe
  FROM outbox
 WHERE tenant = $1 AND referral = $2 AND state = 'needs-person'
   AND kind IN ('write-back', 'task-update')
 ORDER BY kind DESC, id
 LIMIT 1
   FOR UPDATE

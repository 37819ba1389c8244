SELECT true
  FROM outbox
 WHERE tenant = $1 AND id = $2 AND lease_id = $3
   FOR UPDATE

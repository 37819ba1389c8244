UPDATE outbox
   SET state = 'ready', lease_id = NULL, lease_until = NULL, run_at = $4, code = $5
 WHERE tenant = $1 AND id = $2 AND lease_id = $3
RETURNING true

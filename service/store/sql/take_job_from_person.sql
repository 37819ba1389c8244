UPDATE outbox
   SET state = 'ready', run_at = $3, give_up_at = $4, code = ''
 WHERE tenant = $1 AND id = $2 AND state = 'needs-person'
RETURNING true

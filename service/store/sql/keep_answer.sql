UPDATE idempotency
   SET status = $4, headers = $5, body = $6
 WHERE tenant = $1 AND actor = $2 AND key = $3

DELETE FROM idempotency
 WHERE tenant = $1 AND actor = $2 AND key = $3 AND status IS NULL

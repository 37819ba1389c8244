UPDATE outbox
   SET lease_until = clock_timestamp() + make_interval(secs => $4)
 WHERE tenant = $1 AND id = $2 AND lease_id = $3
RETURNING true

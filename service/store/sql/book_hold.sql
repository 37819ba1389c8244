UPDATE hold
   SET state = 'booked', expires_at = NULL
 WHERE tenant = $1 AND id = $2 AND state = 'held' AND expires_at > $3
RETURNING id

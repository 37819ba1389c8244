UPDATE hold
   SET state = 'booked'
 WHERE tenant = $1 AND id = $2 AND state = 'released'

UPDATE hold
   SET state = 'released'
 WHERE tenant = $1 AND id = $2 AND state <> 'released'

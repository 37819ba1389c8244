UPDATE placer
   SET active = false
 WHERE tenant = $1 AND id = $2 AND active

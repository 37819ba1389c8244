SELECT tells = 'task' AND base <> '' AND active
  FROM placer
 WHERE tenant = $1 AND id = $2

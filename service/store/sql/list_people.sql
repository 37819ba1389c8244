SELECT id, practitioner, name, roles, active
  FROM person
 WHERE tenant = $1
 ORDER BY practitioner

SELECT tenant, id, name, client, base, internal, keeps, tells, systems, token_file, rate, active
  FROM placer
 WHERE tenant = $1
 ORDER BY name

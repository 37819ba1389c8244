SELECT p.tenant, p.id, p.name, p.client, p.base, p.internal, p.keeps, p.tells, p.systems,
       p.token_file, p.rate, p.active, t.name AS clinic, t.organization
  FROM placer p
  JOIN tenant t ON t.tenant = p.tenant
 WHERE p.tenant = $1 AND p.id = $2

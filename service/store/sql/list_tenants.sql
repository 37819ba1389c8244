SELECT tenant, name, zone, organization
  FROM tenant
 ORDER BY made_at, tenant

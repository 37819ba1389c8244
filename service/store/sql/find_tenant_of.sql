SELECT tenant, name, zone, organization
  FROM tenant
 WHERE organization = $1

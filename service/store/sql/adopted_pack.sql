SELECT chosen.name, chosen.version, kept.digest, chosen.since, chosen.set_by, chosen.why,
       chosen.signed_by
  FROM tenant_pack AS chosen
  JOIN content_pack AS kept USING (name, version)
 WHERE chosen.tenant = $1
 ORDER BY chosen.since DESC
 LIMIT 1

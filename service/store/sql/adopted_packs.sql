SELECT DISTINCT ON (chosen.tenant) clinic.name AS clinic, chosen.name, chosen.version, kept.digest
  FROM tenant_pack AS chosen
  JOIN content_pack AS kept USING (name, version)
  JOIN tenant AS clinic USING (tenant)
 ORDER BY chosen.tenant, chosen.since DESC

INSERT INTO tenant_pack (tenant, name, version, since, set_by, why, signed_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)

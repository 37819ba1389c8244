INSERT INTO tenant (tenant, name, zone, organization, made_at)
VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (tenant) DO UPDATE
   SET name = excluded.name, zone = excluded.zone

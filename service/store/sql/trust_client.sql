INSERT INTO cds_client AS c (tenant, placer_id, issuer, jku, keys, made_at)
VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant, placer_id, issuer) DO UPDATE
   SET jku = excluded.jku, keys = excluded.keys, made_at = excluded.made_at

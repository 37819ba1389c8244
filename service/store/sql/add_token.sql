INSERT INTO access_token (sha256, tenant, id, placer_id, person_id, scopes, made_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

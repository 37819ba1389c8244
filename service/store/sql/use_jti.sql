WITH forgotten AS (
    DELETE FROM client_jti
     WHERE tenant = $1 AND until < $6
)
INSERT INTO client_jti (tenant, placer_id, issuer, jti, until)
VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING
RETURNING true

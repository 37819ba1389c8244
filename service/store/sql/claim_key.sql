WITH forgotten AS (
    DELETE FROM idempotency
     WHERE tenant = $1 AND actor = $2 AND key <> $3 AND made_at < $6
), claimed AS (
    INSERT INTO idempotency AS i (tenant, actor, key, digest, made_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT ON CONSTRAINT idempotency_key DO UPDATE
       SET digest = excluded.digest, made_at = excluded.made_at, status = NULL, headers = '',
           body = ''
     WHERE i.made_at < $6 OR (i.status IS NULL AND i.made_at < $7 AND i.digest = excluded.digest)
    RETURNING 1
)
SELECT true AS mine, $4::bytea AS digest, NULL::int AS status, '' AS headers, ''::bytea AS body
  FROM claimed
UNION ALL
SELECT false, digest, status, headers, body
  FROM idempotency
 WHERE tenant = $1 AND actor = $2 AND key = $3 AND NOT EXISTS (SELECT 1 FROM claimed)

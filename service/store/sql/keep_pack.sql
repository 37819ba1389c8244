WITH kept AS (
    INSERT INTO content_pack (name, version, digest, made_at)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
    RETURNING digest
)
SELECT digest FROM kept
 UNION ALL
SELECT digest
  FROM content_pack
 WHERE name = $1 AND version = $2
 LIMIT 1

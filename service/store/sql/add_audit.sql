WITH head AS (
    SELECT coalesce((SELECT audit_head FROM referral WHERE tenant = $1 AND id = $4), '') AS previous
), chained AS (
    UPDATE referral r
       SET audit_head = audit_hash(h.previous, $2, $4, $5, $6, $7, $8)
      FROM head h
     WHERE r.tenant = $1 AND r.id = $4
)
INSERT INTO audit (tenant, id, placer_id, referral, actor, verb, what, at, previous, hash)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, h.previous,
       audit_hash(h.previous, $2, $4, $5, $6, $7, $8)
  FROM head h

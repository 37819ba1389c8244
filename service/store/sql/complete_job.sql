WITH done AS (
    DELETE FROM outbox
     WHERE tenant = $1 AND id = $2 AND lease_id = $3
    RETURNING tenant, placer_id, referral, kind, dedupe, attempts
)
INSERT INTO delivery (tenant, id, placer_id, referral, kind, dedupe, attempts, outcome, code, at)
SELECT tenant, $4, placer_id, referral, kind, dedupe, attempts, $5, $6, $7
  FROM done
RETURNING true

WITH done AS (
    DELETE FROM outbox
     WHERE tenant = $1 AND id = $2 AND state = 'needs-person'
    RETURNING tenant, placer_id, referral, kind, dedupe, attempts
)
INSERT INTO delivery (tenant, id, placer_id, referral, kind, dedupe, attempts, outcome, code, at)
SELECT tenant, $3, placer_id, referral, kind, dedupe, attempts, $4, $5, $6
  FROM done
RETURNING true

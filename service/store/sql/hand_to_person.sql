WITH handed AS (
    UPDATE outbox
       SET state = 'needs-person', lease_id = NULL, lease_until = NULL, code = $5
     WHERE tenant = $1 AND id = $2 AND lease_id = $3
    RETURNING tenant, placer_id, referral, kind, dedupe, attempts
)
INSERT INTO delivery (tenant, id, placer_id, referral, kind, dedupe, attempts, outcome, code, at)
SELECT tenant, $4, placer_id, referral, kind, dedupe, attempts, 'needs-person', $5, $6
  FROM handed
RETURNING true

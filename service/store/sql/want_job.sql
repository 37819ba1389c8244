WITH standing AS (
    SELECT id
      FROM outbox
     WHERE tenant = $1 AND referral = $4 AND kind = $5 AND state = 'ready'
     ORDER BY id
     LIMIT 1
       FOR UPDATE SKIP LOCKED
)
INSERT INTO outbox (tenant, id, placer_id, referral, kind, dedupe, made_at, run_at, give_up_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $7, $8
 WHERE NOT EXISTS (SELECT FROM standing)

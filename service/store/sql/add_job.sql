INSERT INTO outbox (tenant, id, placer_id, referral, kind, dedupe, made_at, run_at, give_up_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)
    ON CONFLICT ON CONSTRAINT outbox_dedupe DO NOTHING

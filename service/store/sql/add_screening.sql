INSERT INTO screening (tenant, id, placer_id, referral, pack, pack_version, inputs, variant,
                       planned, day, outcome, findings, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT ON CONSTRAINT screening_inputs DO NOTHING

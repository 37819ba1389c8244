INSERT INTO visit (tenant, id, placer_id, referral, proposal_id, state, procedure_rid, content,
                   person, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

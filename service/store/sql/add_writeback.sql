INSERT INTO writeback (tenant, id, placer_id, referral, visit, rung, way, state, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8)

INSERT INTO proposal (tenant, id, placer_id, referral, hold_id, window_id, round, state, made_at,
                      replaces)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9)

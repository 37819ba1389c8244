INSERT INTO message (tenant, id, placer_id, channel, verdict, digest, size, problem, referral,
                     received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

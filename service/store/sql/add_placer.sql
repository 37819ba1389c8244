INSERT INTO placer (tenant, id, name, client, base, internal, keeps, tells, systems, token_file,
                    rate, active, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11, $12, $13)

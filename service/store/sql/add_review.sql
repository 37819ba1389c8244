INSERT INTO review (tenant, id, placer_id, referral, finding_key, finding_rid, rule, verdict,
                    reason_code, reason, mitigation_code, mitigation, until, practitioner, person,
                    made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)

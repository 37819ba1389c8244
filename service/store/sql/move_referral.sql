UPDATE referral
   SET stage = $4, stage_since = $5, outcome = $6, accepted_once = $7, booked_once = $8,
       partly = $9, planned_date = $10, variant = $11, due_at = $12, question = $13,
       reason = $14, rounds = $15, content = $16, stamp = $17, priority = $18,
       version = version + 1
 WHERE tenant = $1 AND id = $2 AND version = $3
RETURNING version

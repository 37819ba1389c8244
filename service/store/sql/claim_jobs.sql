SELECT tenant, id, placer_id, referral, kind, dedupe, attempts, made_at, give_up_at, zone
  FROM claim_jobs($1, $2, $3, $4, $5, $6)
 ORDER BY id

SELECT tenant, referral, zone, what
  FROM due_work($1, $2, $3)

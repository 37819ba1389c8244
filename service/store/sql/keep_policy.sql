UPDATE referral
   SET policy = $3::jsonb
 WHERE tenant = $1 AND id = $2

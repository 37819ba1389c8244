SELECT id
  FROM referral
 WHERE tenant = $1 AND task_rid = $2 AND ($3::uuid IS NULL OR placer_id = $3)

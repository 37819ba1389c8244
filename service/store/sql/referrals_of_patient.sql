SELECT id
  FROM referral
 WHERE tenant = $1 AND placer_id = $2 AND patient_rid = $3
 ORDER BY id

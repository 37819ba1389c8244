SELECT tenant, space, rtype, rid, vid, origin, body, fingerprint, updated_at, deleted, referral, patient_rid, address
  FROM resource
 WHERE tenant = $1 AND space = $2 AND rtype = $3 AND rid = $4
   FOR NO KEY UPDATE

SELECT tenant, space, rtype, rid, vid, origin, body, fingerprint, updated_at, deleted, referral, patient_rid, address
  FROM resource
 WHERE tenant = $1 AND referral = $2 AND rtype = $3 AND NOT deleted
 ORDER BY rid

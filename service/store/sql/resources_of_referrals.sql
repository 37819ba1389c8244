SELECT tenant, space, rtype, rid, vid, origin, body, fingerprint, updated_at, deleted, referral, patient_rid, address
  FROM resource
 WHERE tenant = $1 AND referral = ANY ($2::uuid[]) AND rtype = ANY ($3::text[]) AND NOT deleted
 ORDER BY rtype, rid

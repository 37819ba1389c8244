SELECT tenant, space, rtype, rid, vid, origin, body, fingerprint, updated_at, deleted, referral,
       patient_rid, address
  FROM resource
 WHERE tenant = $1 AND space = '00000000-0000-0000-0000-000000000000' AND NOT deleted
   AND rtype = ANY ($2::text[])
 ORDER BY rtype, rid

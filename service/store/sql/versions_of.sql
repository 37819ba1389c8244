SELECT tenant, space, rtype, rid, vid, origin, body, fingerprint, updated_at, deleted, referral,
       '' AS patient_rid, '' AS address
  FROM resource_history
 WHERE tenant = $1 AND space = $2 AND rtype = $3 AND rid = $4 AND ($5::int IS NULL OR vid = $5)
   AND ($6::int IS NULL OR vid < $6)
 ORDER BY vid DESC
 LIMIT $7

SELECT r.*
  FROM unnest($3::text[], $4::text[]) AS w (rtype, rid)
 CROSS JOIN LATERAL (
    SELECT tenant, space, rtype, rid, vid, origin, body, fingerprint, updated_at, deleted, referral,
           patient_rid, address
      FROM resource
     WHERE tenant = $1 AND space = $2 AND rtype = w.rtype AND rid = w.rid
    OFFSET 0
 ) r

WITH RECURSIVE about AS (
    SELECT tenant, space, rtype, rid, vid, origin, body, fingerprint, updated_at, deleted, referral, patient_rid, address, refs
      FROM resource
     WHERE tenant = $1 AND space = $2 AND NOT deleted
       AND (patient_rid = $3 AND patient_rid <> '' OR rtype = 'Patient' AND rid = $3)
), named AS (
    SELECT split_part(ref, '/', 1) AS rtype, split_part(ref, '/', 2) AS rid
      FROM about, unnest(refs) AS ref
     UNION  -- a Medication may be an ingredient of another, at any depth
    SELECT split_part(ref, '/', 1), split_part(ref, '/', 2)
      FROM named n
      JOIN resource r ON r.rtype = n.rtype AND r.rid = n.rid, unnest(r.refs) AS ref
     WHERE n.rtype = 'Medication' AND r.tenant = $1 AND r.space = $2 AND NOT r.deleted
)
SELECT tenant, space, rtype, rid, vid, origin, body, fingerprint, updated_at, deleted, referral, patient_rid, address FROM about
UNION ALL
SELECT r.tenant, r.space, r.rtype, r.rid, r.vid, r.origin, r.body, r.fingerprint, r.updated_at,
       r.deleted, r.referral, r.patient_rid, r.address
  FROM resource r
  JOIN named n ON n.rtype = r.rtype AND n.rid = r.rid
 WHERE r.tenant = $1 AND r.space = $2 AND NOT r.deleted
   AND NOT (r.patient_rid = $3 OR r.rtype = 'Patient' AND r.rid = $3)

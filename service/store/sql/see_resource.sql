WITH seen AS (
    SELECT id FROM placer WHERE tenant = $1 AND ($4::uuid IS NULL OR id = $4)
    UNION ALL
    SELECT '00000000-0000-0000-0000-000000000000'
)
SELECT r.tenant, r.space, r.rtype, r.rid, r.vid, r.origin, r.body, r.fingerprint, r.updated_at,
       r.deleted, r.referral, r.patient_rid, r.address
  FROM seen
  JOIN resource r ON r.space = seen.id
 WHERE r.tenant = $1 AND r.rtype = $2 AND r.rid = $3
 ORDER BY r.space = '00000000-0000-0000-0000-000000000000'

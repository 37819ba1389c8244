SELECT t.name, t.zone, t.organization, v.procedure_rid, w.reference AS proof
  FROM tenant t
  LEFT JOIN visit v ON v.tenant = t.tenant AND v.referral = $2
        AND v.state IN ('performed', 'partly', 'not-performed')
  LEFT JOIN writeback w ON w.tenant = t.tenant AND w.visit = v.id AND w.state = 'proven'
 WHERE t.tenant = $1
 ORDER BY v.recorded_at DESC NULLS LAST
 LIMIT 1

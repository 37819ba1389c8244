SELECT id, finding_key, finding_rid, rule, verdict, reason_code, reason, mitigation_code,
       mitigation, until, practitioner, person, made_at AS at
  FROM review
 WHERE tenant = $1 AND referral = $2
 ORDER BY made_at, id

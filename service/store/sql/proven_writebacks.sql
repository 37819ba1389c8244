SELECT v.procedure_rid, w.reference
  FROM writeback w
  JOIN visit v ON v.tenant = w.tenant AND v.id = w.visit
 WHERE w.tenant = $1 AND w.referral = $2 AND w.state = 'proven'

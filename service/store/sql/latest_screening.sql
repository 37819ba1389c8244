SELECT findings
  FROM screening
 WHERE tenant = $1 AND referral = $2
 ORDER BY made_at DESC, id DESC
 LIMIT 1

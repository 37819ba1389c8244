SELECT policy
  FROM referral
 WHERE tenant = $1 AND id = $2

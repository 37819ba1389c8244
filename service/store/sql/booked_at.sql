SELECT answered_at
  FROM proposal
 WHERE tenant = $1 AND id = $2

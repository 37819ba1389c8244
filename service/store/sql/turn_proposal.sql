UPDATE proposal
   SET state = $4,
       answered_at = CASE WHEN $6 = '' THEN answered_at ELSE $5 END,
       answered_by = CASE WHEN $6 = '' THEN answered_by ELSE $6 END,
       answer_rid = CASE WHEN $7 = '' THEN answer_rid ELSE $7 END
 WHERE tenant = $1 AND id = $2 AND state = $3
RETURNING id

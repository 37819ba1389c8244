UPDATE proposal
   SET answer_rid = $3
 WHERE tenant = $1 AND id = $2

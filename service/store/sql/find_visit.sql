SELECT id, proposal_id, state, procedure_rid, content
  FROM visit
 WHERE tenant = $1 AND id = $2

UPDATE writeback
   SET state = 'proven', sent_at = NULL, reference = $3, digest = $4, proven_at = $5, code = $6,
       said = $7, updated_at = $5
 WHERE tenant = $1 AND id = $2 AND state <> 'proven'
RETURNING true

UPDATE writeback
   SET state = 'proven', sent_at = NULL, claimed = $3, reference = $4, remote_version = $5,
       digest = $6, proven_at = $7, code = $8, updated_at = $7
 WHERE tenant = $1 AND id = $2

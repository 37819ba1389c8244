UPDATE writeback
   SET state = 'uncertain', claimed = '{}', claimed_at = NULL, code = '', updated_at = $3
 WHERE tenant = $1 AND id = $2 AND state <> 'proven'

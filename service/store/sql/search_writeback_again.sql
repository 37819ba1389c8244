UPDATE writeback
   SET state = 'uncertain', claimed = '{}', claimed_at = NULL,
       sent_at = coalesce(sent_at, claimed_at),
       code = '', updated_at = $3
 WHERE tenant = $1 AND id = $2 AND state <> 'proven'

UPDATE writeback
   SET way = $3, state = $4, sent_at = $5, claimed = $6, claimed_at = $7, code = $8,
       updated_at = $9
 WHERE tenant = $1 AND id = $2 AND state <> 'proven'

UPDATE open_window
   SET opening = $3, updated_at = $4
 WHERE tenant = $1 AND id = ANY ($2::uuid[])

UPDATE open_window
   SET origin = CASE WHEN (starts, ends) = ($3, $4) THEN origin ELSE 'posted' END,
       starts = $3, ends = $4, busy_until = $5, opening = $6, updated_at = $7
 WHERE tenant = $1 AND id = $2

SELECT id, schedule_rid, practitioner, location, starts, ends, busy_until, opening
  FROM open_window
 WHERE tenant = $1 AND starts = $2 AND ends = $3 AND opening = 'open'
 ORDER BY practitioner <> $4, id

SELECT id, schedule_rid, practitioner, location, starts, ends, busy_until, opening
  FROM open_window
 WHERE tenant = $1 AND id = $2
   FOR NO KEY UPDATE

SELECT id, schedule_rid, practitioner, location, starts, ends, busy_until, opening, origin
  FROM open_window
 WHERE tenant = $1 AND schedule_rid = $2 AND starts > $3
 ORDER BY starts, id
   FOR NO KEY UPDATE

SELECT id, schedule_rid, practitioner, location, starts, ends, busy_until, opening
  FROM open_window
 WHERE tenant = $1 AND id = ANY ($2::uuid[])
 ORDER BY starts, id

SELECT id, schedule_rid, practitioner, location, starts, ends, busy_until, opening
  FROM free_windows($1, $2, $3, $4)

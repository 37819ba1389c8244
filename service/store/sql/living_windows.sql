SELECT DISTINCT h.window_id
  FROM hold h
  JOIN open_window w ON w.tenant = h.tenant AND w.id = h.window_id
 WHERE h.tenant = $1 AND h.state <> 'released' AND w.schedule_rid = $2 AND w.starts > $3

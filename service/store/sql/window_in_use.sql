SELECT EXISTS (
    SELECT 1
      FROM hold
     WHERE tenant = $1 AND window_id = $2 AND state <> 'released')

SELECT count(*) FILTER (WHERE state IN ('ready', 'leased')) AS waiting,
       count(*) FILTER (WHERE state = 'needs-person') AS needs_person,
       min(run_at) FILTER (WHERE state = 'ready') AS oldest
  FROM outbox

INSERT INTO open_window (tenant, id, schedule_rid, practitioner, location, starts, ends,
                         busy_until, updated_at)
SELECT $1, id, $2, $3, $4, starts, ends, busy_until, $9
  FROM unnest($5::uuid[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[])
    AS new (id, starts, ends, busy_until)

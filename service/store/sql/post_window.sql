INSERT INTO open_window (tenant, id, schedule_rid, practitioner, location, starts, ends,
                         busy_until, opening, origin, updated_at)
SELECT $1, $2, s.rid, s.practitioner, s.location, $4::timestamptz, $5::timestamptz,
       $5::timestamptz + make_interval(mins => s.buffer_minutes), $6, 'posted', $7
  FROM schedule s
 WHERE s.tenant = $1 AND s.rid = $3
RETURNING id

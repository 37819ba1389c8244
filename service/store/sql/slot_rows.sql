SELECT id, schedule_rid, practitioner, location, starts, ends, busy_until, opening, updated_at, taken
  FROM slot_rows($1, $2, $3, $4, $5, $6, $7)

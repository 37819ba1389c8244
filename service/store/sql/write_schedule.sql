INSERT INTO schedule (tenant, rid, practitioner, location, service, words, zone, visit_minutes,
                      buffer_minutes, active)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (tenant, rid) DO UPDATE
   SET practitioner = excluded.practitioner, location = excluded.location,
       service = excluded.service, words = excluded.words, zone = excluded.zone,
       visit_minutes = excluded.visit_minutes, buffer_minutes = excluded.buffer_minutes,
       active = excluded.active

INSERT INTO person (tenant, id, practitioner, name, roles, active, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (tenant, practitioner) DO UPDATE
   SET name = excluded.name, roles = excluded.roles, active = excluded.active
 WHERE (person.name, person.roles, person.active)
       IS DISTINCT FROM (excluded.name, excluded.roles, excluded.active)

SELECT tenant, zone, name, placer_id, person_id, practitioner, roles, scopes, rate
  FROM caller_of($1, $2)

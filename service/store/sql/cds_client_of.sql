SELECT tenant, zone, placer_id, name, rate, internal, jku, keys
  FROM cds_client_of($1)

INSERT INTO cds_card (tenant, id, placer_id, service, rules, pack_version, shown_at)
SELECT $1, c.id, $2, $3, string_to_array(c.rules, E'\x1f'), $4, $5
  FROM unnest($6::uuid[], $7::text[]) AS c (id, rules)

SELECT q.n::int AS n, m.rid, m.vid, m.updated_at, m.fingerprint
  FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS q (rtype, tokens, n)
 CROSS JOIN LATERAL rids_with($1, q.rtype, string_to_array(q.tokens, E'\x1f')) AS m
 ORDER BY q.n, m.rid

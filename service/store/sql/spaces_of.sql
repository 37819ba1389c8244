SELECT w.rtype || '/' || w.rid AS target
  FROM unnest($2::text[], $3::text[]) AS w (rtype, rid)
  JOIN placer p ON p.tenant = $1
  JOIN resource r ON r.tenant = $1 AND r.space = p.id AND r.rtype = w.rtype AND r.rid = w.rid
 GROUP BY 1
HAVING count(*) > 1

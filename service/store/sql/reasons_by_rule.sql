SELECT unnest(c.rules) AS rule, f.reason, count(DISTINCT c.id) AS cards
  FROM cds_card c
  JOIN cds_feedback f ON f.tenant = c.tenant AND f.card = c.id
 WHERE c.tenant = $1 AND c.shown_at >= $2 AND f.reaction = 'overridden' AND f.reason <> ''
 GROUP BY 1, 2
 ORDER BY 1, 3 DESC, 2

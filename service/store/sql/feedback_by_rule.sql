WITH shown AS (
    SELECT unnest(rules) AS rule, id
      FROM cds_card
     WHERE tenant = $1 AND shown_at >= $2
)
SELECT s.rule, count(DISTINCT s.id) AS shown,
       count(DISTINCT f.card) FILTER (WHERE f.reaction = 'accepted') AS accepted,
       count(DISTINCT f.card) FILTER (WHERE f.reaction = 'overridden') AS overridden
  FROM shown s
  LEFT JOIN cds_feedback f ON f.tenant = $1 AND f.card = s.id
 GROUP BY s.rule
 ORDER BY s.rule

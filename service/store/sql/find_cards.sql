SELECT id
  FROM cds_card
 WHERE tenant = $1 AND placer_id = $2 AND service = $3 AND id = ANY ($4)

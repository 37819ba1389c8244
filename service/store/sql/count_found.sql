SELECT count(*)
  FROM search_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'id', NULL, NULL, NULL, NULL, false)

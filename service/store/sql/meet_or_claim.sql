SELECT n, rid, vid, updated_at, fingerprint
  FROM meet_or_claim($1, $2, $3, $4, $5)
 ORDER BY n, rid

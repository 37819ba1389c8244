SELECT count(*)
  FROM access_token
 WHERE revoked_at IS NULL AND expires_at > $1

SELECT rid, words, zone
  FROM schedule
 WHERE tenant = $1

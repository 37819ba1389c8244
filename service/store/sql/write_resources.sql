WITH incoming AS (
    SELECT *
      FROM unnest($4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::bytea[],
                  $10::bytea[], $11::text[], $12::text[], $13::text[], $14::timestamptz[],
                  $15::timestamptz[], $16::uuid[], $17::bool[], $18::text[])
        AS i (rtype, rid, vid, origin, body, digest, fingerprint, tokens, refs, patient_rid,
              at_from, at_to, referral, deleted, address)
), standing AS (
    SELECT r.*
      FROM incoming i
     CROSS JOIN LATERAL (
        SELECT *
          FROM resource
         WHERE tenant = $1 AND space = $2 AND rtype = i.rtype AND rid = i.rid AND vid = i.vid - 1
           FOR NO KEY UPDATE
     ) r
     WHERE i.vid > 1
), kept AS (
    INSERT INTO resource_history (tenant, space, rtype, rid, vid, origin, body, digest,
                                  fingerprint, referral, deleted, updated_at)
    SELECT tenant, space, rtype, rid, vid, origin, body, digest, fingerprint, referral, deleted,
           updated_at
      FROM standing
), replaced AS (
    -- by the key itself: an UPDATE that joins may be planned to read the placer's whole table
    INSERT INTO resource AS r (tenant, space, rtype, rid, vid, origin, body, digest, fingerprint,
                               tokens, refs, patient_rid, at_from, at_to, referral, deleted,
                               updated_at, address)
    SELECT $1, $2, i.rtype, i.rid, i.vid, i.origin, i.body, i.digest, i.fingerprint,
           string_to_array(i.tokens, E'\x1f'), string_to_array(i.refs, E'\x1f'), i.patient_rid,
           i.at_from, i.at_to, i.referral, i.deleted, $3, i.address
      FROM incoming i
      JOIN standing s ON s.rtype = i.rtype AND s.rid = i.rid
        ON CONFLICT ON CONSTRAINT resource_key DO UPDATE
       SET vid = excluded.vid, origin = excluded.origin, body = excluded.body,
           digest = excluded.digest, fingerprint = excluded.fingerprint,
           tokens = excluded.tokens, refs = excluded.refs, patient_rid = excluded.patient_rid,
           at_from = excluded.at_from, at_to = excluded.at_to,
           referral = coalesce(excluded.referral, r.referral), deleted = excluded.deleted,
           updated_at = excluded.updated_at,
           address = CASE WHEN excluded.address <> '' THEN excluded.address ELSE r.address END
    RETURNING 1
), added AS (
    INSERT INTO resource (tenant, space, rtype, rid, vid, origin, body, digest, fingerprint,
                          tokens, refs, patient_rid, at_from, at_to, referral, deleted, updated_at,
                          address)
    SELECT $1, $2, rtype, rid, vid, origin, body, digest, fingerprint,
           string_to_array(tokens, E'\x1f'), string_to_array(refs, E'\x1f'), patient_rid,
           at_from, at_to, referral, deleted, $3, address
      FROM incoming
     WHERE vid = 1
    RETURNING 1
)
SELECT (SELECT count(*) FROM replaced) + (SELECT count(*) FROM added)

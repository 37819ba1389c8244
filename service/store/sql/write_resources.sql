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
    UPDATE resource r
       SET vid = i.vid, origin = i.origin, body = i.body, digest = i.digest,
           fingerprint = i.fingerprint, tokens = string_to_array(i.tokens, E'\x1f'),
           refs = string_to_array(i.refs, E'\x1f'), patient_rid = i.patient_rid,
           at_from = i.at_from, at_to = i.at_to, referral = coalesce(i.referral, r.referral),
           deleted = i.deleted, updated_at = $3,
           address = CASE WHEN i.address <> '' THEN i.address ELSE r.address END
      FROM incoming i
      JOIN standing s ON s.rtype = i.rtype AND s.rid = i.rid
     WHERE r.tenant = $1 AND r.space = $2 AND r.rtype = i.rtype AND r.rid = i.rid
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

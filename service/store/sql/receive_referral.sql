WITH incoming AS (
    SELECT *
      FROM unnest($4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::bytea[],
                  $10::bytea[], $11::text[], $12::text[], $13::text[], $14::timestamptz[],
                  $15::timestamptz[], $16::uuid[], $17::bool[], $18::text[])
        AS i (rtype, rid, vid, origin, body, digest, fingerprint, tokens, refs, patient_rid,
              at_from, at_to, referral, deleted, address)
), new AS (
    INSERT INTO referral (tenant, placer_id, received_at, stage_since, id, order_system,
                          order_value, order_rid, patient_rid, task_rid, stage, outcome, priority,
                          accepted_once, planned_date, variant, content, stamp, audit_head)
    VALUES ($1, $2, $3, $3, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32,
            audit_hash('', $47, $19, $48, 'receive-referral', $25, $3))
        ON CONFLICT ON CONSTRAINT referral_order DO NOTHING
    RETURNING id
), standing AS (
    SELECT r.*
      FROM incoming i
     CROSS JOIN LATERAL (
        SELECT *
          FROM resource
         WHERE tenant = $1 AND space = $2 AND rtype = i.rtype AND rid = i.rid AND vid = i.vid - 1
           FOR NO KEY UPDATE
     ) r
     WHERE i.vid > 1 AND EXISTS (SELECT 1 FROM new)
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
), added AS (
    INSERT INTO resource (tenant, space, rtype, rid, vid, origin, body, digest, fingerprint,
                          tokens, refs, patient_rid, at_from, at_to, referral, deleted,
                          updated_at, address)
    SELECT $1, $2, i.rtype, i.rid, i.vid, i.origin, i.body, i.digest, i.fingerprint,
           string_to_array(i.tokens, E'\x1f'), string_to_array(i.refs, E'\x1f'), i.patient_rid,
           i.at_from, i.at_to, i.referral, i.deleted, $3, i.address
      FROM incoming i, new
     WHERE i.vid = 1
), noted AS (
    INSERT INTO message (tenant, id, placer_id, channel, verdict, digest, size, referral,
                         received_at)
    SELECT $1, $33, $2, $34, 'accepted', $35, $36, new.id, $3
      FROM new
), judged AS (
    INSERT INTO screening (tenant, id, placer_id, referral, pack, pack_version, inputs, variant,
                           planned, day, outcome, findings, made_at)
    SELECT $1, $37, $2, new.id, $38, $39, $40, $41, $42, $43, $44, $45, $3
      FROM new
), told AS (
    INSERT INTO outbox (tenant, id, placer_id, referral, kind, dedupe, made_at, run_at, give_up_at)
    SELECT $1, $46, $2, new.id, 'task-update', 'task-update:' || new.id || ':1', $3, $3,
           $3 + interval '24 hours'
      FROM new, placer p
     WHERE p.tenant = $1 AND p.id = $2 AND p.tells = 'task' AND p.base <> '' AND p.active
), audited AS (
    INSERT INTO audit (tenant, id, placer_id, referral, actor, verb, what, at, previous, hash)
    SELECT $1, $47, $2, new.id, $48, 'receive-referral', $25, $3, '',
           audit_hash('', $47, $19, $48, 'receive-referral', $25, $3)
      FROM new
)
SELECT id FROM new

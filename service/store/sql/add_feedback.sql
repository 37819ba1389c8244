INSERT INTO cds_feedback (tenant, placer_id, card, reaction, reason, acted_at)
SELECT $1, $2, f.card, f.reaction, f.reason, f.acted_at
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[])
       AS f (card, reaction, reason, acted_at)
    ON CONFLICT DO NOTHING

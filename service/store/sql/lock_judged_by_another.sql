SELECT tenant, id, placer_id, order_system, order_value, order_rid, patient_rid, task_rid, stage,
       stage_since, outcome, priority, accepted_once, booked_once, partly, planned_date, variant,
       received_at, due_at, question, reason, rounds, content, stamp, version
  FROM referral
 WHERE tenant = $1 AND stage <> ALL($2)
   AND ROW($3::text, $4::text) IS DISTINCT FROM (
           SELECT ROW(pack, pack_version)
             FROM screening
            WHERE screening.tenant = referral.tenant AND screening.referral = referral.id
            ORDER BY screening.made_at DESC, screening.id DESC
            LIMIT 1)
 ORDER BY id
   FOR NO KEY UPDATE

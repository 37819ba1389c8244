SELECT tenant, id, placer_id, order_system, order_value, order_rid, patient_rid, task_rid, stage,
       stage_since, outcome, priority, accepted_once, booked_once, partly, planned_date, variant,
       received_at, due_at, question, reason, rounds, content, stamp, version
  FROM referral
 WHERE tenant = $1 AND stage <> ALL($2)
 ORDER BY id

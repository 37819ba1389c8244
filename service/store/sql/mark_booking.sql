WITH marked AS (
    UPDATE proposal
       SET state = $3
     WHERE tenant = $1 AND id = $2
    RETURNING hold_id
)
UPDATE hold
   SET state = CASE WHEN $4 THEN 'booked' ELSE 'released' END
 WHERE tenant = $1 AND id = (SELECT hold_id FROM marked)

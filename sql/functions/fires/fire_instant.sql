-- INTERNAL fire_instant(schedule, instant): submits the task of a schedule for one instant, or says why not; returns the row of the
-- schedule afterwards. Only fire_schedule() calls this, which has locked it.
-- Locks: as submit_tasks(); for overlap replace, the tasks of the schedule that have not ended, by id.
CREATE OR REPLACE FUNCTION fire_instant(p_schedule schedules, p_instant text) RETURNS schedules
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_live uuid [];
    v_first bigint;
    v_number bigint;
    v_refusal text;
    v_schedule schedules;
BEGIN
    SELECT array_agg(id), min(number) INTO v_live, v_first FROM (
        SELECT id, number FROM tasks AS t
        WHERE t.tenant_id = p_schedule.tenant_id AND t.schedule = p_schedule.name
            AND (status IN ('queued', 'leased', 'running')) = true
    ) AS live;
    IF v_live IS NOT NULL AND p_schedule.overlap = 'skip' THEN
        v_refusal := format('left out %s: task %s has not ended', p_instant, v_first);
    ELSE
        IF v_live IS NOT NULL AND p_schedule.overlap = 'replace' THEN
            PERFORM FROM tasks WHERE id = ANY(v_live) ORDER BY id FOR UPDATE;
            PERFORM cancel_tasks(v_live);
        END IF;
        BEGIN
            SELECT number INTO v_number FROM submit_scheduled(p_schedule, p_instant, format('schedule:%s:%s', p_schedule.name,
                to_char(p_instant::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));
        EXCEPTION WHEN SQLSTATE 'LD400' OR SQLSTATE 'LD404' OR SQLSTATE 'LD409' OR insufficient_privilege THEN
            v_refusal := format('no task for %s: %s', p_instant, sqlerrm);
        END;
    END IF;
    UPDATE schedules AS s SET
        last_at = CASE WHEN v_number IS NOT NULL THEN p_instant::timestamptz ELSE last_at END,
        last_task = coalesce(v_number, last_task),
        last_error = coalesce(left(v_refusal, 1000), last_error),
        skipped = skipped + CASE WHEN v_live IS NOT NULL AND overlap = 'skip' THEN 1 ELSE 0 END,
        refusals = CASE
            WHEN v_number IS NOT NULL THEN 0
            WHEN v_live IS NOT NULL AND overlap = 'skip' THEN refusals
            ELSE refusals + 1
        END
    WHERE s.tenant_id = p_schedule.tenant_id AND s.name = p_schedule.name
    RETURNING * INTO v_schedule;
    RETURN v_schedule;
END
$$;

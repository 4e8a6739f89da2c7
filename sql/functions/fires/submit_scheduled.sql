-- INTERNAL submit_scheduled(schedule, instant, key): submits the task of a schedule, and returns what submit_tasks() does. `instant`
-- is the text for {{scheduled_at}}; `key` is the idempotency key, null for none.
-- Locks and errors: those of submit_tasks().
CREATE OR REPLACE FUNCTION submit_scheduled(p_schedule schedules, p_instant text, p_key text)
RETURNS TABLE (id uuid, number bigint, status text, created boolean, same boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_task jsonb := p_schedule.task;
    v_prompt text := v_task ->> 'prompt';
    v_last_success timestamptz;
BEGIN
    IF position('{{last_success_at}}' IN v_prompt) > 0 THEN
        SELECT finished_at INTO v_last_success FROM tasks
        WHERE tenant_id = p_schedule.tenant_id AND schedule = p_schedule.name
            AND (status IN ('queued', 'leased', 'running')) = false AND status = 'succeeded'
        ORDER BY number DESC LIMIT 1;
        v_prompt := replace(v_prompt, '{{last_success_at}}',
            coalesce(to_char(v_last_success AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'never'));
    END IF;
    v_task := v_task || jsonb_build_object(
        'tenant_id', p_schedule.tenant_id, 'prompt', replace(v_prompt, '{{scheduled_at}}', p_instant),
        'name', coalesce(v_task ->> 'name', p_schedule.name), 'idempotency_key', p_key,
        'labels', coalesce(nullif(v_task -> 'labels', 'null'), '{}') || jsonb_build_object('schedule', p_schedule.name));
    SELECT id, number, status, created, same INTO id, number, status, created, same
    FROM submit_tasks(jsonb_build_array(v_task));
    IF created THEN
        UPDATE tasks SET schedule = p_schedule.name WHERE tasks.id = submit_scheduled.id;
    END IF;
    RETURN NEXT;
END
$$;

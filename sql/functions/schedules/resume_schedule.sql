-- API resume_schedule(name, tenant): lets a paused schedule go on with the first instant from now on. Those that passed
-- meanwhile are not made up for, and earlier failures do not count any more. One that is not paused stays as it is.
-- Locks: the schedule. Raises as require_schedule().
CREATE OR REPLACE FUNCTION resume_schedule(p_name text, p_tenant text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_schedule schedules := require_schedule(p_name, p_tenant, session_tenants());
BEGIN
    IF v_schedule.pause_class IS NULL THEN
        RETURN;
    END IF;
    UPDATE schedules SET pause_class = NULL, pause_reason = NULL, paused_at = NULL, next_at = NULL, done_until = clock(),
        revision = revision + 1, refusals = 0, last_error = NULL, judged_after = coalesce(last_task, 0),
        updated_at = clock()
    WHERE tenant_id = v_schedule.tenant_id AND name = v_schedule.name;
    PERFORM pg_notify('task_ready', 'schedules');
END
$$;

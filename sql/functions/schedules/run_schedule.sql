-- API run_schedule(name, tenant): submits the task of a schedule now, in addition to its instants, also while it is paused.
-- {{scheduled_at}} is the present moment. Returns what submit_tasks() does.
-- Locks: the schedule; then as submit_tasks(). Raises as require_schedule() and submit_tasks().
CREATE OR REPLACE FUNCTION run_schedule(p_name text, p_tenant text DEFAULT NULL)
RETURNS TABLE (id uuid, number bigint, status text, created boolean, same boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_schedule schedules := require_schedule(p_name, p_tenant, session_tenants());
BEGIN
    SELECT id, number, status, created, same INTO id, number, status, created, same
    FROM submit_scheduled(v_schedule, to_char(clock() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), NULL);
    UPDATE schedules SET last_task = number, updated_at = clock()
    WHERE tenant_id = v_schedule.tenant_id AND name = v_schedule.name;
    RETURN NEXT;
END
$$;

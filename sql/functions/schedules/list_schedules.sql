-- API list_schedules(name, tenant): returns the schedules that the session may see, by their names, or only those of a name or
-- tenant. `failures` are its last tasks that failed or could not be submitted, one after the other; last_status is the status of the
-- last task, null when it is deleted. next_at is null while it is paused, and until a dispatcher has computed it.
CREATE OR REPLACE FUNCTION list_schedules(p_name text DEFAULT NULL, p_tenant text DEFAULT NULL)
RETURNS TABLE (
    tenant_id text, name text, cron text, zone text, task jsonb, overlap text, catch_up text,
    within_s double precision, max_failures integer, pause_class text, pause_reason text, paused_at timestamptz,
    failures integer, skipped integer, next_at timestamptz, last_at timestamptz, last_task bigint, last_status text,
    last_error text, configured_on text, created_at timestamptz, updated_at timestamptz
)
LANGUAGE sql STABLE
AS $$
    SELECT s.tenant_id, s.name, cron, zone, s.task, overlap, catch_up, within_s, max_failures, pause_class, pause_reason,
        paused_at, failures_of_schedule(s), skipped, CASE WHEN pause_class IS NULL THEN next_at END, last_at, last_task,
        coalesce(last.wait_reason, last.status), last_error, configured_on, s.created_at, s.updated_at
    FROM schedules AS s CROSS JOIN session_tenants() AS mine LEFT JOIN tasks AS last ON last.number = last_task
    WHERE coalesce(s.name = p_name, true) AND coalesce(s.tenant_id = p_tenant, true)
        AND coalesce(s.tenant_id = ANY(mine), true)
    ORDER BY s.name, s.tenant_id
$$;

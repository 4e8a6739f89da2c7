-- API pause_schedule(name, reason, tenant): lets a schedule submit nothing until somebody resumes it. What it has submitted
-- goes on.
-- Locks: the schedule. Raises as require_schedule().
CREATE OR REPLACE FUNCTION pause_schedule(p_name text, p_reason text DEFAULT NULL, p_tenant text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_schedule schedules := require_schedule(p_name, p_tenant, session_tenants());
BEGIN
    UPDATE schedules SET pause_class = 'person', paused_at = clock(), revision = revision + 1, updated_at = clock(),
        pause_reason = coalesce(nullif(left(p_reason, 1000), ''), 'paused by somebody')
    WHERE tenant_id = v_schedule.tenant_id AND name = v_schedule.name;
END
$$;

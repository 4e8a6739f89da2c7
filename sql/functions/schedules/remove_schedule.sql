-- API remove_schedule(name, tenant): removes a schedule; its tasks stay. A dispatcher that starts brings it back if its
-- config.yaml names it.
-- Locks: the schedule. Raises as require_schedule().
CREATE OR REPLACE FUNCTION remove_schedule(p_name text, p_tenant text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_schedule schedules := require_schedule(p_name, p_tenant, session_tenants());
BEGIN
    DELETE FROM schedules WHERE tenant_id = v_schedule.tenant_id AND name = v_schedule.name;
END
$$;

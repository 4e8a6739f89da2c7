-- INTERNAL stop_schedule(tenant, name, class, reason): pauses a schedule because of what became of it, and tells hooks. The caller
-- has locked it.
CREATE OR REPLACE FUNCTION stop_schedule(p_tenant text, p_name text, p_class text, p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE schedules SET pause_class = p_class, pause_reason = left(p_reason, 1000), paused_at = clock(),
        revision = revision + 1, updated_at = clock()
    WHERE tenant_id = p_tenant AND name = p_name;
    PERFORM file_news('schedule.paused', 'schedule:' || p_name, jsonb_build_object('schedule', jsonb_build_object(
        'name', p_name, 'tenant', p_tenant, 'reason', left(p_reason, 1000), 'error_class', p_class
    )), jsonb_build_object('tenant', p_tenant));
END
$$;

-- INTERNAL lane_of(tool, account, model, tenant, queue, priority, workflow): the lane of such tasks, as tasks.lane is
-- generated.
CREATE OR REPLACE FUNCTION lane_of(
    p_tool text, p_account text, p_model text, p_tenant_id text, p_queue text, p_priority smallint,
    p_workflow text
) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$
    SELECT md5(
        p_tool || chr(31) || coalesce(p_account, '') || chr(31) || coalesce(p_model, '') || chr(31)
        || p_tenant_id || chr(31) || p_queue || chr(31) || p_priority
        || coalesce(chr(31) || p_workflow, '')
    )::uuid
$$;

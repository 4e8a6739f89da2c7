-- INTERNAL limit_scopes(tool, model, tenant_id, queue, workflow): returns the scopes of concurrency_limits that count
-- such a task.
CREATE OR REPLACE FUNCTION limit_scopes(
    p_tool text, p_model text, p_tenant_id text, p_queue text, p_workflow text
) RETURNS text []
LANGUAGE sql IMMUTABLE
AS $$
    SELECT array_remove(
        ARRAY[
            'tool:' || p_tool, 'model:' || p_model, 'tenant:' || p_tenant_id, 'queue:' || p_queue,
            'workflow:' || p_workflow
        ],
        NULL
    )
$$;

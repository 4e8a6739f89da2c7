-- API check_counters(): returns every counter that differs from what is really active. No row means that all is well.
-- A confined session is told nothing of the limits of foreign tenants.
CREATE OR REPLACE FUNCTION check_counters() RETURNS TABLE (scope text, counted bigint, stored integer)
LANGUAGE sql STABLE
AS $$
    WITH active AS (
        SELECT tool, model, tenant_id, queue, workflow, group_name FROM tasks WHERE status IN ('leased', 'running')
    ), counts AS (
        SELECT scope, count(*) AS counted
        FROM active, unnest(limit_scopes(tool, model, tenant_id, queue, workflow) || ('group:' || group_name)) AS scope
        GROUP BY scope
    ), counters AS (
        SELECT scope::text, current_concurrent FROM concurrency_limits, session_tenants() AS mine
        WHERE mine IS NULL OR scope NOT LIKE 'tenant:%' OR substr(scope, length('tenant:') + 1) = ANY(mine)
        UNION ALL
        SELECT 'group:' || group_name, current_concurrent FROM worker_groups
    )
    SELECT counters.scope, coalesce(counts.counted, 0), counters.current_concurrent
    FROM counters LEFT JOIN counts USING (scope)
    WHERE coalesce(counts.counted, 0) <> counters.current_concurrent
    ORDER BY 1
$$;

-- API check_tallies(): returns every kind of task whose tally differs from the tasks that there are. No row means that
-- all is well. Cost: a walk through all tasks.
CREATE OR REPLACE FUNCTION check_tallies() RETURNS TABLE (kind text, counted bigint, stored bigint)
LANGUAGE sql STABLE
AS $$
    WITH there AS (
        SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END AS account, queue,
            coalesce(wait_reason, status) AS state, count(*) AS tasks
        FROM tasks, session_tenants() AS mine
        WHERE mine IS NULL OR tenant_id = ANY(mine)
        GROUP BY 1, 2, 3, 4, 5
    ), counted AS (
        SELECT true AS by_tenant, * FROM there
        UNION ALL
        SELECT false, '', tool, account, queue, state, sum(tasks) FROM there
        WHERE session_tenants() IS NULL GROUP BY tool, account, queue, state
    ), stored AS (
        SELECT by_tenant, tenant_id, tool, account, queue, state, sum(tasks) AS tasks
        FROM (
            SELECT true AS by_tenant, * FROM current_tallies(p_by_tenant => true)
            UNION ALL
            SELECT false, * FROM current_tallies(p_by_tenant => false) WHERE session_tenants() IS NULL
        ) AS rows
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(tasks) <> 0
    )
    SELECT concat_ws(' ', tool, nullif(account, ''), CASE WHEN by_tenant THEN 'of ' || tenant_id END,
            'in ' || queue || ':', state),
        coalesce(counted.tasks, 0)::bigint, coalesce(stored.tasks, 0)::bigint
    FROM counted FULL JOIN stored USING (by_tenant, tenant_id, tool, account, queue, state)
    WHERE counted.tasks IS DISTINCT FROM stored.tasks
    ORDER BY 1
$$;

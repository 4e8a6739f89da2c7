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
    )
    SELECT concat_ws(' ', tool, nullif(account, ''), 'of ' || tenant_id, 'in ' || queue || ':', state),
        coalesce(there.tasks, 0), coalesce(stored.tasks, 0)
    FROM there FULL JOIN current_tallies() AS stored USING (tenant_id, tool, account, queue, state)
    WHERE there.tasks IS DISTINCT FROM stored.tasks
    ORDER BY 1
$$;

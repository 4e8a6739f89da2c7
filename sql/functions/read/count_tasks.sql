-- API count_tasks(tool): returns how many tasks are in each state; queued ones are split by what they wait for
-- ("queued" waits for a slot). Null counts the tasks of all tools.
CREATE OR REPLACE FUNCTION count_tasks(p_tool text DEFAULT NULL) RETURNS TABLE (state text, tasks bigint)
LANGUAGE sql VOLATILE
AS $$
    WITH alike AS (
        SELECT tool, account, coalesce(wait_reason, status) AS state, count(*) AS tasks
        FROM tasks, session_tenants() AS mine
        WHERE (p_tool IS NULL OR tool = p_tool) AND (mine IS NULL OR tenant_id = ANY(mine)) GROUP BY 1, 2, 3
    )
    SELECT CASE WHEN state = 'queued' AND waits_for_budget(tool, account) THEN 'budget' ELSE state END,
        sum(tasks)::bigint
    FROM alike GROUP BY 1 ORDER BY 1
$$;

-- API count_tasks(tool): returns how many tasks are in each state; queued ones are split by what they wait for
-- ("queued" waits for a slot). Null counts the tasks of all tools.
-- Cost: that of current_tallies(), however many tasks there are.
CREATE OR REPLACE FUNCTION count_tasks(p_tool text DEFAULT NULL) RETURNS TABLE (state text, tasks bigint)
LANGUAGE sql VOLATILE
AS $$
    SELECT fold_tallies(p_from => 1000);
    WITH alike AS (
        SELECT tool, account, state, sum(tasks) AS tasks
        FROM current_tallies(p_by_tenant => false) WHERE p_tool IS NULL OR tool = p_tool
        GROUP BY 1, 2, 3 HAVING sum(tasks) <> 0
    )
    SELECT CASE WHEN state = 'queued' AND waits_for_budget(tool, nullif(account, '')) THEN 'budget' ELSE state END,
        sum(tasks)::bigint
    FROM alike GROUP BY 1 ORDER BY 1
$$;

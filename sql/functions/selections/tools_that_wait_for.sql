-- INTERNAL tools_that_wait_for(reason): returns the tools, with an account or an empty one, of which ready tasks wait
-- for this, as ready_task_waits_for() says it. None for what only a wait_reason says.
-- Cost: that of current_tallies(), and a look at the groups for each tool and account that tasks are queued for.
CREATE OR REPLACE FUNCTION tools_that_wait_for(p_reason text) RETURNS text []
LANGUAGE sql STABLE
AS $$
    SELECT ARRAY(
        SELECT tool || chr(31) || account
        FROM (
            SELECT tool, account FROM current_tallies(p_by_tenant => false)
            WHERE state = 'queued' AND p_reason NOT IN ('scheduled', 'retry', 'dependency', 'held', 'question', 'approval')
            GROUP BY tool, account HAVING sum(tasks) <> 0
        ) AS queued
        WHERE ready_task_waits_for(tool, nullif(account, '')) = p_reason
    )
$$;

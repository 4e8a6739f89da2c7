-- count_tasks(tool): how many tasks are in each state, queued ones by what they wait for ("queued" waits for a slot).
-- Null counts the tasks of all tools.
CREATE OR REPLACE FUNCTION count_tasks(p_tool text DEFAULT NULL) RETURNS TABLE (state text, tasks bigint)
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(wait_reason, status), count(*) FROM tasks
    WHERE p_tool IS NULL OR tool = p_tool GROUP BY 1 ORDER BY 1
$$;

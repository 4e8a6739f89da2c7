-- count_tasks(): how many tasks are in each state, queued ones by what they wait for ("queued" waits for a slot).
CREATE OR REPLACE FUNCTION count_tasks() RETURNS TABLE (state text, tasks bigint)
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(wait_reason, status), count(*) FROM tasks GROUP BY 1 ORDER BY 1
$$;

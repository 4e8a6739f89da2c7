-- API continued_tasks(task): returns the numbers of the tasks whose session a task goes on with, the nearest first. What
-- it changed holds what they changed, since all of them worked in one directory. Empty for a task of its own.
-- Cost: two keys a task, at most 100 tasks. Raises LD404.
CREATE OR REPLACE FUNCTION continued_tasks(p_task text) RETURNS bigint []
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    WITH RECURSIVE before (task_id, depth) AS (
        SELECT find_task(p_task), 0
        UNION ALL
        SELECT runs.task_id, before.depth + 1
        FROM before JOIN tasks AS t ON t.id = before.task_id JOIN task_runs AS runs ON runs.id = t.continues
        WHERE before.depth < 100
    )
    SELECT coalesce(array_agg(t.number ORDER BY before.depth), '{}')
    FROM before JOIN tasks AS t ON t.id = before.task_id WHERE before.depth > 0
$$;

-- API count_prunable(older_than_s): returns what prune_tasks() would delete, if called until nothing is left to delete.
-- It changes nothing.
-- Cost: that of reading all of it.
CREATE OR REPLACE FUNCTION count_prunable(p_older_than_s double precision)
RETURNS TABLE (tasks bigint, runs bigint, bytes bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_before timestamptz := clock() - make_interval(secs => p_older_than_s);
BEGIN
    RETURN QUERY
    WITH RECURSIVE kept AS (
        SELECT continues FROM tasks
        WHERE continues IS NOT NULL AND (finished_at IS NULL OR finished_at >= v_before)
        UNION
        SELECT parent.continues
        FROM kept JOIN task_runs ON task_runs.id = kept.continues JOIN tasks AS parent ON parent.id = task_runs.task_id
        WHERE parent.continues IS NOT NULL
    ), needed AS (
        SELECT d.needs FROM task_dependencies AS d JOIN tasks AS t ON t.id = d.task_id
        WHERE t.finished_at IS NULL OR t.finished_at >= v_before AND d.state IN ('open', 'unmet')
        UNION
        SELECT d.needs FROM needed JOIN task_dependencies AS d ON d.task_id = needed.needs AND d.state IN ('open', 'unmet')
    )
    SELECT count(*), coalesce(sum(counted.runs), 0)::bigint, coalesce(sum(weight), 0)::bigint
    FROM tasks CROSS JOIN LATERAL weigh_task(id) AS counted
    WHERE finished_at < v_before AND NOT EXISTS (
        SELECT FROM task_runs JOIN kept ON kept.continues = task_runs.id WHERE task_runs.task_id = tasks.id
    ) AND id NOT IN (SELECT needs FROM needed);
END
$$;

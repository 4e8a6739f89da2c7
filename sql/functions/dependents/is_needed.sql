-- INTERNAL is_needed(task): whether another task that has not ended comes after this one, or one that was given up because of
-- it and may be queued again; also after the tree that it is in.
CREATE OR REPLACE FUNCTION is_needed(p_task uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM task_dependencies AS d JOIN tasks AS t ON t.id = d.task_id
        WHERE d.needs = p_task AND (d.state IN ('open', 'unmet') OR t.finished_at IS NULL)
    ) OR EXISTS (
        SELECT FROM task_dependencies AS d
        WHERE d.needs = ANY(tasks_above(ARRAY[p_task])) AND d.kind = 'tree' AND d.state IN ('open', 'unmet')
    );
END
$$;

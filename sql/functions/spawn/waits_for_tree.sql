-- INTERNAL waits_for_tree(task, above): whether a task waits, at once or through others, for the tree of one of the tasks
-- in `above`. Cost: that of the tasks that it waits for.
CREATE OR REPLACE FUNCTION waits_for_tree(p_task uuid, p_above uuid []) RETURNS boolean
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
BEGIN
    RETURN EXISTS (
        WITH RECURSIVE waiting AS (
            SELECT p_task AS id, false AS is_tree
            UNION
            SELECT next.id, next.is_tree FROM waiting CROSS JOIN LATERAL (
                SELECT needs AS id, kind = 'tree' AS is_tree FROM task_dependencies
                WHERE task_id = waiting.id AND state IN ('open', 'unmet')
                UNION ALL
                SELECT id, true FROM tasks WHERE waiting.is_tree AND parent = waiting.id
            ) AS next
        )
        SELECT FROM waiting WHERE is_tree AND id = ANY(p_above)
    );
END
$$;

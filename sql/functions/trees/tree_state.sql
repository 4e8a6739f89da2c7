-- INTERNAL tree_state(task): whether a task, all that it spawned, and all that those spawned have succeeded (met), or one
-- of them has failed or was canceled (unmet), or else has not ended (open). What was skipped does not count.
-- Cost: that of the tasks, by tasks_of_parent.
CREATE OR REPLACE FUNCTION tree_state(p_task uuid) RETURNS text
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
BEGIN
    RETURN (
        WITH RECURSIVE family AS (
            SELECT id, status, error_class FROM tasks WHERE id = p_task
            UNION ALL
            SELECT t.id, t.status, t.error_class FROM family JOIN tasks AS t ON t.parent = family.id
        )
        SELECT CASE
            WHEN bool_or(status = 'failed' OR status = 'canceled' AND error_class IS DISTINCT FROM 'skipped') THEN 'unmet'
            WHEN bool_or(status IN ('queued', 'leased', 'running')) THEN 'open'
            ELSE 'met'
        END
        FROM family
    );
END
$$;

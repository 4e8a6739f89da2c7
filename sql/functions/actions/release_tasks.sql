-- INTERNAL release_tasks(tasks): makes held tasks ready. One whose time has not come waits for it again: for its next
-- attempt, the end of a limit, or the time that it was submitted with; and one with needs that are not met waits for these.
-- Of one that is not held, but waits for others, the needs are waived. The caller has locked them.
CREATE OR REPLACE FUNCTION release_tasks(p_ids uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_ids uuid [] := ARRAY(
        SELECT id FROM tasks WHERE id = ANY(p_ids) AND (wait_reason = 'held' OR waits_for_needs(id, wait_reason))
    );
BEGIN
    UPDATE task_dependencies SET state = 'waived'
    WHERE state IN ('open', 'unmet')
        AND task_id = ANY(ARRAY(SELECT id FROM tasks WHERE id = ANY(v_ids) AND wait_reason = 'dependency'));
    UPDATE tasks SET updated_at = clock(), wait_reason = CASE
            WHEN EXISTS (
                SELECT FROM task_dependencies AS d WHERE d.task_id = tasks.id AND d.state IN ('open', 'unmet')
            ) THEN 'dependency'
            WHEN ready_at > clock() AND ready_at = next_attempt_at THEN coalesce((
                SELECT error_classes.wait_reason FROM error_classes WHERE error_classes.name = tasks.error_class
            ), 'retry')
            WHEN ready_at > clock() THEN 'scheduled'
        END
    WHERE id = ANY(v_ids);
END
$$;

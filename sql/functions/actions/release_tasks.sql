-- INTERNAL release_tasks(tasks): makes held tasks ready. One whose time has not come waits for it again: for its next
-- attempt, the end of a limit, or the time that it was submitted with. The caller has locked them.
CREATE OR REPLACE FUNCTION release_tasks(p_ids uuid []) RETURNS void
LANGUAGE sql VOLATILE
SET enable_seqscan = off
AS $$
    UPDATE tasks SET updated_at = clock(), wait_reason = CASE
            WHEN ready_at > clock() AND ready_at = next_attempt_at THEN coalesce((
                SELECT error_classes.wait_reason FROM error_classes WHERE error_classes.name = tasks.error_class
            ), 'retry')
            WHEN ready_at > clock() THEN 'scheduled'
        END
    WHERE id = ANY(p_ids) AND wait_reason = 'held'
$$;

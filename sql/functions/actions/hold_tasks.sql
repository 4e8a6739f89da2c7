-- INTERNAL hold_tasks(tasks): keeps queued tasks from starting until release_tasks(). What they waited for goes on
-- meanwhile: their times stay, and their needs are met. The caller has locked them.
CREATE OR REPLACE FUNCTION hold_tasks(p_ids uuid []) RETURNS void
LANGUAGE sql VOLATILE
SET enable_seqscan = off
AS $$
    UPDATE tasks SET wait_reason = 'held', updated_at = clock()
    WHERE id = ANY(p_ids) AND status = 'queued' AND (
        coalesce(wait_reason, 'retry') IN ('retry', 'limit', 'scheduled') OR waits_for_needs(id, wait_reason)
    )
$$;

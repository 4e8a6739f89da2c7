-- INTERNAL approve_tasks(tasks, message): ends those of these tasks that wait for approval as succeeded. The caller has
-- locked them, with the tries beside them. What they spawn is submitted first. Raises LD400 for a message that is too long,
-- and LD409 when what a task spawns is refused.
CREATE OR REPLACE FUNCTION approve_tasks(p_ids uuid [], p_message text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_ids uuid [] := ARRAY(SELECT id FROM tasks WHERE id = ANY(p_ids) AND wait_reason = 'approval');
BEGIN
    PERFORM note_decisions('approved', v_ids, p_message);
    PERFORM spawn_approved(v_ids);
    UPDATE tasks SET status = 'succeeded', wait_reason = NULL, finished_at = clock(), updated_at = clock(),
        started_at = coalesce(started_at, (SELECT r.started_at FROM task_runs AS r WHERE r.id = tasks.run_id))
    WHERE id = ANY(v_ids);
    PERFORM settle_tries(v_ids);
END
$$;

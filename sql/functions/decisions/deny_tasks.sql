-- INTERNAL deny_tasks(tasks, message): ends those of these tasks that wait for approval as failed. The caller has locked
-- them, with the tries beside them. Raises LD400 for a message that is too long.
CREATE OR REPLACE FUNCTION deny_tasks(p_ids uuid [], p_message text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_ids uuid [] := ARRAY(SELECT id FROM tasks WHERE id = ANY(p_ids) AND wait_reason = 'approval');
BEGIN
    PERFORM note_decisions('denied', v_ids, p_message);
    DELETE FROM spawn_drafts WHERE task_id = ANY(v_ids);
    UPDATE tasks SET status = 'failed', wait_reason = NULL, finished_at = clock(), updated_at = clock(),
        error_class = 'denied', error_message = concat('denied by ', session_name(), ': ' || p_message),
        started_at = coalesce(started_at, (SELECT r.started_at FROM task_runs AS r WHERE r.id = tasks.run_id))
    WHERE id = ANY(v_ids);
    PERFORM settle_tries(v_ids);
END
$$;

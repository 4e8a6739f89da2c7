-- API retry_task(task): queues a failed or canceled task again, with all its attempts; a judge whose tries had no result
-- waits for those again. A task that waits for its next
-- attempt, for a limit or for its time becomes ready now.
-- Locks: the task, with the tries beside it; of a reply, the session. Raises LD404, and LD409 when the task is active, ready, held or succeeded,
-- or when another task continues the same session.
CREATE OR REPLACE FUNCTION retry_task(p_task text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_id uuid := lock_task(p_task);
    v_task record;
BEGIN
    SELECT id, continues, status INTO v_task FROM tasks WHERE id = v_id;
    IF v_task.continues IS NOT NULL AND v_task.status IN ('failed', 'canceled') THEN
        PERFORM lock_sessions(ARRAY[v_task.continues]);
    END IF;
    PERFORM require_allowed('retry', v_task.id);
    PERFORM retry_tasks(ARRAY[v_task.id]);
    PERFORM settle_tries(ARRAY[v_task.id]);
END
$$;

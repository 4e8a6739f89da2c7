-- API retry_task(task): queues a failed or canceled task again, with all its attempts. A task that waits for its next
-- attempt, for a limit or for its time becomes ready now.
-- Locks: the task; of a reply, the session. Raises LD404, and LD409 when the task is active, ready, held or succeeded,
-- or when another task continues the same session.
CREATE OR REPLACE FUNCTION retry_task(p_task text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task tasks;
BEGIN
    SELECT * INTO v_task FROM tasks WHERE id = find_task(p_task) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no task %', p_task USING ERRCODE = 'LD404';
    END IF;
    IF v_task.continues IS NOT NULL AND v_task.status IN ('failed', 'canceled') THEN
        PERFORM lock_sessions(ARRAY[v_task.continues]);
    END IF;
    PERFORM require_allowed('retry', v_task.id);
    PERFORM retry_tasks(ARRAY[v_task.id]);
END
$$;

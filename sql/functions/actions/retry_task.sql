-- API retry_task(task): queues a failed or canceled task again, with all its attempts. A task that waits for its next
-- attempt, for a limit or for its time becomes ready now.
-- Locks: the task; of a reply, the session. Raises LD404, and LD409 when the task is active, ready or succeeded, or
-- when another task continues the same session.
CREATE OR REPLACE FUNCTION retry_task(p_task text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task tasks;
    v_busy bigint;
BEGIN
    SELECT * INTO v_task FROM tasks WHERE id = find_task(p_task) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no task %', p_task USING ERRCODE = 'LD404';
    END IF;
    IF v_task.status IN ('failed', 'canceled') THEN
        v_busy := CASE WHEN v_task.continues IS NOT NULL THEN busy_in_session(v_task.continues) END;
        IF v_busy IS NOT NULL THEN
            RAISE EXCEPTION 'task % continues a session in which task % has not ended', v_task.number, v_busy
                USING ERRCODE = 'LD409', HINT = format('wait for it, or cancel it: `llmctl cancel %s`', v_busy);
        END IF;
    ELSIF v_task.wait_reason IS NULL OR v_task.wait_reason NOT IN ('retry', 'limit', 'scheduled') THEN
        RAISE EXCEPTION 'task % is %; only a task that failed, was canceled or waits can be tried again',
            v_task.number, v_task.status
            USING ERRCODE = 'LD409', HINT = CASE v_task.status
                WHEN 'succeeded' THEN 'submit it again to run it once more'
                WHEN 'queued' THEN why_waiting(p_task)
                ELSE format('cancel it first: `llmctl cancel %s`', v_task.number) END;
    END IF;
    PERFORM retry_tasks(ARRAY[v_task.id]);
END
$$;

-- API cancel_task(task): cancels a queued task at once, and asks a leased or running one to stop; that is canceled when
-- its agent is gone. Returns the status: "canceled", or "leased" or "running" while it stops. It may be repeated. It
-- touches no counter of a running task, since a caller's open transaction must not block claims. It does block the
-- report of that run, so end the transaction soon.
-- Locks: the task. Raises LD404, and LD409 when the task has ended otherwise.
CREATE OR REPLACE FUNCTION cancel_task(p_task text) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task tasks;
BEGIN
    SELECT * INTO v_task FROM tasks WHERE id = find_task(p_task) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no task %', p_task USING ERRCODE = 'LD404';
    END IF;
    IF v_task.status = 'queued' THEN
        UPDATE tasks SET status = 'canceled', wait_reason = NULL, error_class = 'canceled',
            cancel_requested_at = clock(), finished_at = clock(), updated_at = clock()
        WHERE id = v_task.id;
        RETURN 'canceled';
    ELSIF v_task.status IN ('leased', 'running') THEN
        UPDATE tasks SET cancel_requested_at = coalesce(cancel_requested_at, clock()), updated_at = clock()
        WHERE id = v_task.id;
        PERFORM pg_notify('task_cancel', v_task.number::text);
    ELSIF v_task.status <> 'canceled' THEN
        RAISE EXCEPTION 'task % has already %; it cannot be canceled', v_task.number, v_task.status
            USING ERRCODE = 'LD409';
    END IF;
    RETURN v_task.status;
END
$$;

-- API cancel_task(task): cancels a queued task at once, and asks a leased or running one to stop; that is canceled
-- when its agent is gone. Returns the status: "canceled", or "leased" or "running" while it stops. It may be repeated.
-- It touches no counter of a running task, since a caller's open transaction must not block claims. It does block the
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
    PERFORM require_allowed('cancel', v_task.id);
    PERFORM cancel_tasks(ARRAY[v_task.id]);
    RETURN CASE v_task.status WHEN 'queued' THEN 'canceled' ELSE v_task.status END;
END
$$;

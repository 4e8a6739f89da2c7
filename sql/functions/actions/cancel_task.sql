-- API cancel_task(task): cancels a queued task at once, and asks a leased or running one to stop; that is canceled
-- when its agent is gone. Returns the status: "canceled", or "leased" or "running" while it stops. It may be repeated.
-- It touches no counter of a running task, since a caller's open transaction must not block claims. It does block the
-- report of that run, so end the transaction soon.
-- Locks: the task, with the tries beside it. Raises LD404, and LD409 when the task has ended otherwise.
CREATE OR REPLACE FUNCTION cancel_task(p_task text) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task uuid := lock_task(p_task);
    v_status text := (SELECT status FROM tasks WHERE id = v_task);
BEGIN
    PERFORM require_allowed('cancel', v_task);
    PERFORM cancel_tasks(ARRAY[v_task]);
    PERFORM settle_tries(ARRAY[v_task]);
    RETURN CASE v_status WHEN 'queued' THEN 'canceled' ELSE v_status END;
END
$$;

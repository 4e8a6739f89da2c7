-- API cancel_task(task, cascade): cancels a queued task at once, and asks a leased or running one to stop; that is canceled
-- when its agent is gone. With `cascade` all goes with it that is there because of it: what needs its success, what its runs
-- spawned, and so on. Returns the status: "canceled", or "leased" or "running" while it stops. It may be repeated.
-- It touches no counter of a running task, since a caller's open transaction must not block claims. It does block the
-- report of that run, so end the transaction soon.
-- Locks: the tasks by id, with the tries beside them. Raises LD404, and LD409 when the task has ended otherwise.
CREATE OR REPLACE FUNCTION cancel_task(p_task text, p_cascade boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_ids uuid [] := ARRAY[find_task(p_task)];
    v_status text;
BEGIN
    IF p_cascade THEN
        PERFORM lock_cascade(v_ids);
    END IF;
    v_ids := ARRAY[lock_task(p_task)];
    v_status := (SELECT status FROM tasks WHERE id = v_ids[1]);
    IF p_cascade THEN
        v_ids := v_ids || tasks_because_of(v_ids);
    END IF;
    IF NOT (p_cascade AND v_status IN ('succeeded', 'failed')) THEN
        PERFORM require_allowed('cancel', v_ids[1]);
    END IF;
    PERFORM cancel_tasks(v_ids);
    PERFORM settle_tries(v_ids);
    RETURN CASE v_status WHEN 'queued' THEN 'canceled' ELSE v_status END;
END
$$;

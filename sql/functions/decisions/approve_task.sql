-- API approve_task(task, message): approves of the result of a task, which thereby succeeds. Who did, and the message,
-- are kept in task_decisions. To approve of a task that has succeeded changes nothing.
--   SELECT approve_task('12', 'reads well');
-- Locks: the task, with the tries beside it. Raises LD404, and LD409 when the task does not wait for approval.
CREATE OR REPLACE FUNCTION approve_task(p_task text, p_message text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task uuid := lock_task(p_task);
BEGIN
    PERFORM require_allowed('approve', v_task);
    PERFORM approve_tasks(ARRAY[v_task], p_message);
END
$$;

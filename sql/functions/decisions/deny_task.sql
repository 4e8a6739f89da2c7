-- API deny_task(task, message): denies the result of a task, which thereby fails with the class denied. Who did, and the
-- message, are kept in task_decisions; what the run made is kept, too. To deny it again changes nothing.
--   SELECT deny_task('12', 'the second test proves nothing');
-- Locks: the task, with the tries beside it. Raises LD404, and LD409 when the task does not wait for approval.
CREATE OR REPLACE FUNCTION deny_task(p_task text, p_message text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task uuid := lock_task(p_task);
BEGIN
    PERFORM require_allowed('deny', v_task);
    PERFORM deny_tasks(ARRAY[v_task], p_message);
END
$$;

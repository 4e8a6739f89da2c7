-- API why_waiting(task): returns the one sentence that says why a queued task does not run, see reasons_to_wait();
-- null if it does not wait. Raises LD404.
CREATE OR REPLACE FUNCTION why_waiting(p_task text) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT why FROM tasks, reasons_to_wait(ARRAY[tasks.number]) WHERE id = find_task(p_task)
$$;

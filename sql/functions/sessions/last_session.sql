-- INTERNAL last_session(task): returns the last run of a task that had a session: the one that a reply continues.
CREATE OR REPLACE FUNCTION last_session(p_task uuid) RETURNS TABLE (id uuid, group_name text, session_id text)
LANGUAGE sql STABLE
AS $$
    SELECT id, group_name, session_id FROM task_runs
    WHERE task_id = p_task AND session_id IS NOT NULL ORDER BY run_no DESC LIMIT 1
$$;

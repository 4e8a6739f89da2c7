-- INTERNAL busy_sessions(): returns the sessions in which a task waits or runs, with that task.
CREATE OR REPLACE FUNCTION busy_sessions()
RETURNS TABLE (group_name text, session_id text, number bigint, idempotency_key text)
LANGUAGE sql STABLE
AS $$
    SELECT session.group_name, session.session_id, tasks.number, tasks.idempotency_key
    FROM tasks JOIN task_runs AS session ON session.id = tasks.continues
    WHERE tasks.continues IS NOT NULL AND tasks.status IN ('queued', 'leased', 'running')
$$;

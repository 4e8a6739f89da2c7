-- INTERNAL lock_sessions(runs): locks the sessions of these runs until the end of the transaction, so that two tasks
-- are not queued in one session at once. After the tasks in the lock order, in one order of their own.
CREATE OR REPLACE FUNCTION lock_sessions(p_runs uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(session) FROM (
        SELECT DISTINCT hashtextextended(group_name || chr(31) || session_id, 0) AS session
        FROM task_runs WHERE id = ANY(p_runs) AND session_id IS NOT NULL ORDER BY 1
    ) AS sessions;
END
$$;

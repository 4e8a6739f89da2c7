-- INTERNAL busy_in_session(run, key): returns the number of a task that has not ended and continues the session of this
-- run, or null. Two agents in one session and one directory would spoil each other's work. A task with that idempotency
-- key does not count.
-- Locks: the session, so that two of its tasks are not queued at once: a reply can be to any task of the conversation.
CREATE OR REPLACE FUNCTION busy_in_session(p_run uuid, p_key text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_run task_runs;
    v_busy bigint;
BEGIN
    SELECT * INTO v_run FROM task_runs WHERE id = p_run;
    PERFORM pg_advisory_xact_lock(hashtextextended(v_run.group_name || chr(31) || v_run.session_id, 0));
    SELECT tasks.number INTO v_busy FROM tasks JOIN task_runs AS session ON session.id = tasks.continues
    WHERE session.session_id = v_run.session_id AND session.group_name = v_run.group_name
        AND tasks.status IN ('queued', 'leased', 'running')
        AND tasks.idempotency_key IS DISTINCT FROM coalesce(p_key, '')
    LIMIT 1;
    RETURN v_busy;
END
$$;

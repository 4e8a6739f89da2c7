-- INTERNAL busy_in_session(run, key): returns the number of a task that has not ended and continues the session of
-- this run, or null. Two agents in one session and one directory would spoil each other's work. A task with that
-- idempotency key does not count.
-- Locks: the session, so that two of its tasks are not queued at once: a reply can be to any task of the conversation.
CREATE OR REPLACE FUNCTION busy_in_session(p_run uuid, p_key text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_busy bigint;
BEGIN
    PERFORM lock_sessions(ARRAY[p_run]);
    SELECT busy.number INTO v_busy FROM task_runs AS run JOIN busy_sessions() AS busy USING (group_name, session_id)
    WHERE run.id = p_run AND busy.idempotency_key IS DISTINCT FROM coalesce(p_key, '')
    LIMIT 1;
    RETURN v_busy;
END
$$;

-- TRIGGER tasks_inserted(): files the lanes that got work, wakes dispatchers (for a task of the future, too: their
-- timer must be set to it) and tells watchers.
-- Locks nothing that another producer waits for. Raises 42501 for a tenant of others, and for a session or a run
-- of others to continue. (A reply gets its run after it was inserted.)
CREATE OR REPLACE FUNCTION tasks_inserted() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    v_sessions text [];
BEGIN
    IF session_tenants() IS NOT NULL THEN
        PERFORM require_tenants(ARRAY(SELECT DISTINCT tenant_id FROM new_rows));
        v_sessions := ARRAY(
            SELECT DISTINCT session FROM new_rows, unnest(ARRAY[asked_session, session_id]) AS session
            WHERE session IS NOT NULL
        );
        IF v_sessions <> '{}' THEN
            PERFORM require_sessions(v_sessions);
        END IF;
        IF EXISTS (SELECT FROM new_rows WHERE continues IS NOT NULL OR resumes IS NOT NULL) THEN
            RAISE EXCEPTION '% may not name a run to continue', session_name()
                USING ERRCODE = 'insufficient_privilege', HINT = 'reply to a task instead: reply_task(task, prompt)';
        END IF;
    END IF;
    INSERT INTO lane_inbox (lane, tool, account, model, tenant_id, queue, priority, number, created_at)
    SELECT lane, tool, account, model, tenant_id, queue, priority, min(number), min(created_at)
    FROM new_rows WHERE status = 'queued' AND wait_reason IS NULL
    GROUP BY lane, tool, account, model, tenant_id, queue, priority;

    PERFORM pg_notify('task_ready', tool) FROM (SELECT DISTINCT tool FROM new_rows) AS tools_with_work;
    PERFORM notify_task_event(status, array_agg(number ORDER BY number)) FROM new_rows GROUP BY status;
    RETURN NULL;
END
$$;

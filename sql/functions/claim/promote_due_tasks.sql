-- INTERNAL promote_due_tasks(now): tasks whose time has come stop waiting for it; at most 2,000 a call, the rest keeps the
-- deadline in the past. Only lease_tasks() calls this, under the claim lock. A row that a producer holds is left.
CREATE OR REPLACE FUNCTION promote_due_tasks(p_now timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE tasks SET wait_reason = NULL, updated_at = p_now
    WHERE id = ANY(ARRAY(
        SELECT id FROM tasks
        WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit') AND ready_at <= p_now
        ORDER BY ready_at LIMIT 2000 FOR NO KEY UPDATE SKIP LOCKED
    ));
END
$$;

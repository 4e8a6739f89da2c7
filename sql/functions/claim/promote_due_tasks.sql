-- INTERNAL promote_due_tasks(now): makes tasks ready whose time has come, at most 2,000 a call; the others keep the
-- deadline in the past. A row that a producer holds is left for a later call. Returns whether there were any.
-- Only catch_up() calls this, under the claim lock.
CREATE OR REPLACE FUNCTION promote_due_tasks(p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE tasks SET wait_reason = NULL, updated_at = p_now
    WHERE id = ANY(ARRAY(
        SELECT id FROM tasks
        WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit') AND ready_at <= p_now
        ORDER BY ready_at LIMIT 2000 FOR NO KEY UPDATE SKIP LOCKED
    ));
    RETURN FOUND;
END
$$;

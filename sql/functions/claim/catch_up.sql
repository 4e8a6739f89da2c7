-- INTERNAL catch_up(now): brings what the claim knows up to date: tasks whose time has come, lanes that got work, lanes
-- that were contended, and limits that became full or got room. When there is no news this is four probes.
-- Only lease_tasks() calls this, under the claim lock, which every writer of lanes, tenantless_lanes and tenant_turns
-- holds.
CREATE OR REPLACE FUNCTION catch_up(p_now timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM tasks
        WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit') AND ready_at <= p_now
    ) THEN
        PERFORM promote_due_tasks(p_now);
    END IF;
    IF EXISTS (SELECT FROM lane_inbox) THEN
        PERFORM file_lanes();
    END IF;
    IF EXISTS (SELECT FROM lanes WHERE contended_at IS NOT NULL) THEN
        PERFORM retry_contended_lanes();
    END IF;
    IF EXISTS (SELECT FROM limit_inbox) THEN
        PERFORM note_changed_limits();
    END IF;
END
$$;

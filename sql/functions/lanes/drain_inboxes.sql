-- INTERNAL drain_inboxes(): brings what the claim knows up to date: lanes that got work, lanes that were contended,
-- and limits that became full or got room. When there is no news this is three probes.
-- Only lease_tasks() calls this, under the claim lock, which every writer of lanes, tenantless_lanes and tenant_turns
-- holds.
CREATE OR REPLACE FUNCTION drain_inboxes() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
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

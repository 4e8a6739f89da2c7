-- INTERNAL retry_contended_lanes(): gives lanes that stepped aside another chance: c_lanes of them in each
-- claim, the longest waiting first. The limit keeps other work from waiting behind lanes that somebody holds for long.
-- Only catch_up() calls this, under the claim lock.
CREATE OR REPLACE FUNCTION retry_contended_lanes() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_lanes CONSTANT integer := 50;
BEGIN
    WITH back AS (
        UPDATE lanes SET contended_at = NULL
        WHERE lane = ANY(ARRAY(
            SELECT lane FROM lanes WHERE contended_at IS NOT NULL ORDER BY contended_at LIMIT c_lanes
        ))
        RETURNING tenant_id, tool, priority, head
    )
    UPDATE tenant_turns AS t SET waiting = true, turn = last_served FROM back
    WHERE t.tenant_id = back.tenant_id AND t.tool = back.tool AND t.priority = back.priority
        AND back.head IS NOT NULL AND NOT waiting;
END
$$;

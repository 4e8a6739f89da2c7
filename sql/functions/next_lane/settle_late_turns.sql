-- INTERNAL settle_late_turns(tools, priority): puts rows of tenant_turns right that are late: their tenant was served
-- at another tool or priority since they got their place, which is too early by now. Looks at the first c_rows of
-- each tool, so that many late rows cost few calls. A late row costs nothing as long as it does not come to be first.
-- Only next_lane() calls this, under the claim lock.
CREATE OR REPLACE FUNCTION settle_late_turns(p_tools text [], p_priority smallint) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_rows CONSTANT integer := 500;
BEGIN
    UPDATE tenant_turns SET turn = last_served
    WHERE ctid = ANY(ARRAY(
        SELECT first_turns.ctid FROM unnest(p_tools) AS open_tool CROSS JOIN LATERAL (
            SELECT t.ctid, t.turn, t.last_served FROM tenant_turns AS t
            WHERE t.tool = open_tool AND t.priority = p_priority AND waiting AND NOT closed
            ORDER BY turn, tenant_id LIMIT c_rows
        ) AS first_turns
        WHERE first_turns.last_served > first_turns.turn
    ));
END
$$;

-- INTERNAL note_emptied_lanes(tool, priority, most): looks at the lanes of a tool and priority that come next, at
-- most so many, and writes down which of them have no ready task any more, and which tenants have no other lane.
-- Returns how many lanes are empty.
-- After a cancel of everything a claim meets nothing but empty lanes. take_tasks() finds that out one at a time; this
-- takes a tenth of that time for each.
-- A lane is not empty if somebody else holds its tasks, or if the claim at hand has taken one of them. Only
-- count_fruitless_lane() calls this, under the claim lock and with the settings of lease_tasks().
CREATE OR REPLACE FUNCTION note_emptied_lanes(p_tool text, p_priority smallint, p_most integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_tenants text [];
    v_count bigint;
BEGIN
    -- With OFFSET each lane and turn is looked up by its key. Without it the planner, which may have statistics of a
    -- quiet day, would read all ready tasks, or all lanes, to compare.
    WITH emptied AS (
        UPDATE lanes SET head = NULL
        WHERE lane = ANY(ARRAY(
            SELECT first_lanes.lane
            FROM (
                SELECT tenant_id FROM tenant_turns
                WHERE tool = p_tool AND priority = p_priority AND waiting AND NOT closed
                ORDER BY turn, tenant_id LIMIT p_most
            ) AS first_turns
            CROSS JOIN LATERAL (
                SELECT lane FROM lanes
                WHERE lanes.tenant_id = first_turns.tenant_id AND tool = p_tool AND priority = p_priority
                    AND head IS NOT NULL AND contended_at IS NULL
                ORDER BY head LIMIT p_most
            ) AS first_lanes
            LIMIT p_most
        )) AND NOT EXISTS (
            SELECT FROM tasks
            WHERE tasks.lane = lanes.lane AND created_at >= oldest AND status = 'queued' AND wait_reason IS NULL
            OFFSET 0
        )
        RETURNING tenant_id
    )
    SELECT count(*), array_agg(DISTINCT tenant_id) INTO v_count, v_tenants FROM emptied;

    UPDATE tenant_turns SET waiting = false
    WHERE tenant_id = ANY(v_tenants) AND tool = p_tool AND priority = p_priority
        AND NOT EXISTS (
            SELECT FROM lanes
            WHERE lanes.tenant_id = tenant_turns.tenant_id AND lanes.tool = tenant_turns.tool
                AND lanes.priority = tenant_turns.priority AND head IS NOT NULL AND contended_at IS NULL
            OFFSET 0);
    RETURN v_count;
END
$$;

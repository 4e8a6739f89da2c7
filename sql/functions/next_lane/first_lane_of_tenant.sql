-- INTERNAL first_lane_of_tenant(dispatcher, now, open_tools, filled, tenant, priority): the tenant's first lane of
-- this priority that is not blocked, or null, for a tenant whose first lanes are all blocked. Goes through the open
-- tenantless lanes and looks up the lane of the tenant for each.
-- Cost: that of open tenantless lanes, however many lanes the tenant has. Only next_lane() calls this.
CREATE OR REPLACE FUNCTION first_lane_of_tenant(
    p_dispatcher dispatchers, p_now timestamptz, p_open_tools text [], p_filled text [],
    p_tenant_id text, p_priority smallint
) RETURNS candidate_lane
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_first candidate_lane;
BEGIN
    SELECT found.lane, found.tool, found.account, found.model, found.tenant_id, found.queue, found.priority,
        found.head, 0, found.workflow
    INTO v_first
    FROM unnest(p_open_tools) AS open_tool JOIN tenantless_lanes AS t ON t.tool = open_tool AND closed_by IS NULL
    CROSS JOIN LATERAL (
        -- With OFFSET the lane is looked up by its key. Without it the planner, which may have statistics of a quiet
        -- day, walks for each tenantless lane over all lanes that have a head (measured: 500 of each, 1.9 s a claim).
        SELECT * FROM lanes
        WHERE lane = lane_of(t.tool, t.account, t.model, p_tenant_id, t.queue, p_priority, t.workflow)
        OFFSET 0
    ) AS found
    WHERE found.head IS NOT NULL AND found.contended_at IS NULL
        AND lane_has_room(
            found.tool, found.account, found.model, found.queue, found.workflow, p_dispatcher, p_now, p_filled)
    ORDER BY found.head LIMIT 1;
    RETURN v_first;
END
$$;

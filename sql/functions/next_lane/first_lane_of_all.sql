-- INTERNAL first_lane_of_all(dispatcher, now, open_tools, filled): the first lane by priority and age that is not
-- blocked, or null: the last resort when many tenants in front have nothing to take. Goes through the open tenantless
-- lanes; two lanes of each are enough to tell how much of the first one may be taken at once.
-- Cost: that of open tenantless lanes. Only next_lane() calls this.
CREATE OR REPLACE FUNCTION first_lane_of_all(
    p_dispatcher dispatchers, p_now timestamptz, p_open_tools text [], p_filled text []
) RETURNS candidate_lane
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_first candidate_lane;
BEGIN
    SELECT two.lane, two.tool, two.account, two.model, two.tenant_id, two.queue, two.priority, two.head,
        CASE WHEN lead(two.priority) OVER in_order = two.priority THEN lead(two.head) OVER in_order END,
        two.workflow
    INTO v_first
    FROM tenantless_lanes AS t CROSS JOIN LATERAL (
        SELECT lane, lanes.tool, lanes.account, lanes.model, tenant_id, lanes.queue, lanes.workflow, head, lanes.priority
        FROM lanes JOIN tenant_turns USING (tenant_id, tool, priority)
        WHERE lanes.tenantless_lane = t.tenantless_lane AND lanes.head IS NOT NULL AND lanes.contended_at IS NULL
            AND NOT tenant_turns.closed AND 'tenant:' || lanes.tenant_id <> ALL(p_filled)
        ORDER BY lanes.priority DESC, lanes.head LIMIT 2
    ) AS two
    WHERE t.tool = ANY(p_open_tools) AND t.closed_by IS NULL
        AND lane_has_room(t.tool, t.account, t.model, t.queue, t.workflow, p_dispatcher, p_now, p_filled)
    WINDOW in_order AS (ORDER BY two.priority DESC, two.head)
    ORDER BY two.priority DESC, two.head LIMIT 1;
    RETURN v_first;
END
$$;

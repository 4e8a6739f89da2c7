-- INTERNAL first_lanes(open_tools, filled, tenant, priority, most): the lanes of a turn by age, at most so many of each
-- tool, with the head of the lane that follows; none if the claim at hand has filled the tenant's limit.
-- One statement, so that it is inlined: it is planned with the statement around it and costs nothing beside it.
-- Only first_lane() and next_lane() call this.
CREATE OR REPLACE FUNCTION first_lanes(
    p_open_tools text [], p_filled text [], p_tenant_id text, p_priority smallint, p_most integer
)
RETURNS TABLE (
    lane uuid, tenantless_lane uuid, tool text, account text, model text, queue text, workflow text, head bigint,
    next_head bigint
)
LANGUAGE sql STABLE
AS $$
    SELECT of_tool.*, lead(of_tool.head) OVER (ORDER BY of_tool.head) AS next_head
    FROM unnest(p_open_tools) AS open_tool CROSS JOIN LATERAL (
        SELECT lane, tenantless_lane, tool, account, model, queue, workflow, head FROM lanes
        WHERE tenant_id = p_tenant_id AND tool = open_tool AND priority = p_priority
            AND head IS NOT NULL AND contended_at IS NULL
        ORDER BY head LIMIT p_most
    ) AS of_tool
    WHERE 'tenant:' || p_tenant_id <> ALL(p_filled)
    ORDER BY of_tool.head
$$;

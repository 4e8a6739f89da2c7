-- INTERNAL first_turns(open_tools, served, blocked_turns, most): the turns that come next, at most so many, without
-- those in `blocked_turns`. Tenants that were `served` by the claim at hand come after all others, in that order.
-- `late` says that the tenant was served at another tool or priority since it got this place, which is too early now.
-- The place of a tenant in `served` is given by `served`, so it is never late.
-- `only_tenant` says that no other tenant has a turn of this priority.
-- Cost: reads `most` turns of each tool, and one more for each that it may have to pass over.
-- One statement, so that it is inlined: it is planned with the statement around it and costs nothing beside it.
-- Only first_lane() and next_lane() call this.
CREATE OR REPLACE FUNCTION first_turns(p_open_tools text [], p_served text [], p_blocked_turns text [], p_most integer)
RETURNS TABLE (priority smallint, tenant_id text, key text, late boolean, only_tenant boolean)
LANGUAGE sql STABLE
AS $$
    SELECT t.priority, t.tenant_id, t.priority || chr(31) || t.tenant_id AS key,
        t.last_served > t.turn AND t.tenant_id <> ALL(p_served) AS late,
        lead(t.priority) OVER in_order IS DISTINCT FROM t.priority AS only_tenant
    FROM unnest(p_open_tools) AS open_tool
    CROSS JOIN LATERAL (
        SELECT tenant_turns.* FROM tenant_turns
        WHERE tool = open_tool AND waiting AND NOT closed
        ORDER BY priority DESC, turn, tenant_id
        LIMIT 1 + p_most + cardinality(p_blocked_turns) + cardinality(p_served)
    ) AS t
    WHERE t.priority || chr(31) || t.tenant_id <> ALL(p_blocked_turns)
    WINDOW in_order AS (
        ORDER BY t.priority DESC, coalesce(array_position(p_served, t.tenant_id), 0), t.turn, t.tenant_id
    )
    ORDER BY t.priority DESC, coalesce(array_position(p_served, t.tenant_id), 0), t.turn, t.tenant_id
    LIMIT p_most
$$;

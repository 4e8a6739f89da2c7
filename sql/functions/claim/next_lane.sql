-- next_lane(dispatcher, now, open_tools, full, served, blocked): the lane whose first task is next, or null. The order is
-- priority, then the tenants' turns (`served` go behind all others, in that order), then age. Tools, scopes and accounts
-- that the claim at hand has filled are not open, or are in `full`.
-- `blocked` are turns that had nothing to take before; it is answered with those that were found now. After c_walk of
-- them the order over tenants is given up: then it goes through the tenantless lanes that nothing blocks, by priority and age.
-- Two lanes of each tell how much of the first one may be taken at once.
-- next_head: no other lane is to be taken from before a task with that number; null for none. 0 when that is not
-- known, as when several tenants take turns: then only one task may be taken.
-- A row of tenant_turns whose tenant was served elsewhere since is late: its place is too early, and is put right when it comes to
-- be first, with that of at most c_late rows of the same priority. So it costs nothing as long as nobody looks there.
-- Of a turn the first c_lanes lanes are looked at; if these are blocked, those of open tenantless lanes are. So thousands of
-- lanes that are blocked, each by a limit of its own, cost no more than a few.
-- Only lease_tasks() calls this, under the claim lock and with its settings.
CREATE OR REPLACE FUNCTION next_lane(
    p_dispatcher dispatchers, p_now timestamptz, p_open_tools text [], p_full text [], p_served text [],
    INOUT blocked text [], OUT lane uuid, OUT tool text, OUT account text, OUT model text, OUT tenant_id text,
    OUT queue text, OUT priority smallint, OUT head bigint, OUT next_head bigint
)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    c_walk CONSTANT integer := 50;
    c_lanes CONSTANT integer := 16;
    c_late CONSTANT integer := 500;
    v_settled smallint;
    v_turn record;
    v_lane record;
    v_blocked_tenantless_lanes uuid [] := '{}';
    v_width integer := 1;
    v_looked integer;
    v_turns integer;
BEGIN
    <<walk>>
    WHILE cardinality(blocked) < c_walk LOOP
        v_turns := 0;
        FOR v_turn IN
            SELECT t.priority, t.tenant_id, t.priority || chr(31) || t.tenant_id AS key, t.last_served > t.turn AS late,
                lead(t.priority) OVER in_order IS DISTINCT FROM t.priority AS alone
            FROM unnest(p_open_tools) AS open_tool
            CROSS JOIN LATERAL (
                SELECT tenant_turns.* FROM tenant_turns
                WHERE tenant_turns.tool = open_tool AND waiting AND NOT closed
                ORDER BY priority DESC, turn, tenant_id
                LIMIT 1 + v_width + cardinality(blocked) + cardinality(p_served)
            ) AS t
            WHERE t.priority || chr(31) || t.tenant_id <> ALL(blocked)
            WINDOW in_order AS (
                ORDER BY t.priority DESC, coalesce(array_position(p_served, t.tenant_id), 0), t.turn, t.tenant_id
            )
            ORDER BY t.priority DESC, coalesce(array_position(p_served, t.tenant_id), 0), t.turn, t.tenant_id
            LIMIT v_width
        LOOP
            -- Its tenant was served in another row since this one got its place: those that come first are put right.
            IF v_turn.late AND v_turn.priority IS DISTINCT FROM v_settled AND v_turn.tenant_id <> ALL(p_served) THEN
                UPDATE tenant_turns SET turn = last_served
                WHERE ctid = ANY(ARRAY(
                    SELECT late.ctid FROM unnest(p_open_tools) AS open_tool CROSS JOIN LATERAL (
                        SELECT t.ctid, t.turn, t.last_served FROM tenant_turns AS t
                        WHERE t.tool = open_tool AND t.priority = v_turn.priority AND waiting AND NOT closed
                        ORDER BY turn, tenant_id LIMIT c_late
                    ) AS late
                    WHERE late.last_served > late.turn
                ));
                v_settled := v_turn.priority;
                CONTINUE walk;
            END IF;
            v_turns := v_turns + 1;
            v_looked := 0;
            FOR v_lane IN
                SELECT first_lanes.*, lead(head) OVER (ORDER BY head) AS next_head
                FROM unnest(p_open_tools) AS open_tool CROSS JOIN LATERAL (
                    SELECT lane, tenantless_lane, tool, account, model, tenant_id, queue, head FROM lanes
                    WHERE tenant_id = v_turn.tenant_id AND tool = open_tool AND priority = v_turn.priority
                        AND head IS NOT NULL AND contended_at IS NULL
                    ORDER BY head LIMIT c_lanes
                ) AS first_lanes
                WHERE 'tenant:' || v_turn.tenant_id <> ALL(p_full)
                ORDER BY head
            LOOP
                v_looked := v_looked + 1;
                CONTINUE WHEN v_lane.tenantless_lane = ANY(v_blocked_tenantless_lanes);
                IF scopes_have_room(limit_scopes(NULL, v_lane.model, NULL, v_lane.queue), p_full) AND (
                    v_lane.account IS NULL
                    OR account_has_room(v_lane.tool, v_lane.account, p_dispatcher, p_now, p_full)
                ) THEN
                    lane := v_lane.lane;
                    tool := v_lane.tool;
                    account := v_lane.account;
                    model := v_lane.model;
                    tenant_id := v_lane.tenant_id;
                    queue := v_lane.queue;
                    priority := v_turn.priority;
                    head := v_lane.head;
                    next_head := CASE WHEN v_turn.alone AND v_looked < c_lanes THEN v_lane.next_head ELSE 0 END;
                    RETURN;
                END IF;
                -- Not asked again in this call; a few, since a long list would cost more than it saves.
                IF cardinality(v_blocked_tenantless_lanes) < c_lanes THEN
                    v_blocked_tenantless_lanes := v_blocked_tenantless_lanes || v_lane.tenantless_lane;
                END IF;
            END LOOP;
            IF v_looked >= c_lanes THEN
                SELECT lanes.lane, lanes.tool, lanes.account, lanes.model, lanes.tenant_id, lanes.queue, lanes.priority,
                    lanes.head, 0
                INTO lane, tool, account, model, tenant_id, queue, priority, head, next_head
                FROM unnest(p_open_tools) AS open_tool
                JOIN tenantless_lanes AS t ON t.tool = open_tool AND closed_by IS NULL
                CROSS JOIN LATERAL (
                    -- With OFFSET only its key finds it. The planner, who thinks of the few lanes of a quiet day, would else
                    -- walk for each tenantless lane over all lanes that have a head (measured: 500 of each, 1.9 s a claim).
                    SELECT * FROM lanes
                    WHERE lanes.lane = lane_of(
                            t.tool, t.account, t.model, v_turn.tenant_id, t.queue, v_turn.priority)
                    OFFSET 0
                ) AS lanes
                WHERE lanes.head IS NOT NULL AND lanes.contended_at IS NULL
                    AND scopes_have_room(limit_scopes(NULL, lanes.model, NULL, lanes.queue), p_full)
                    AND (lanes.account IS NULL
                        OR account_has_room(lanes.tool, lanes.account, p_dispatcher, p_now, p_full))
                ORDER BY lanes.head LIMIT 1;
                IF FOUND THEN
                    RETURN;
                END IF;
            END IF;
            blocked := blocked || v_turn.key;
        END LOOP;
        IF v_turns < v_width THEN
            RETURN;
        END IF;
        v_width := c_walk;
    END LOOP;

    SELECT two.lane, two.tool, two.account, two.model, two.tenant_id, two.queue, two.priority, two.head,
        CASE WHEN lead(two.priority) OVER in_order = two.priority THEN lead(two.head) OVER in_order END
    INTO lane, tool, account, model, tenant_id, queue, priority, head, next_head
    FROM tenantless_lanes AS t CROSS JOIN LATERAL (
        SELECT lane, lanes.tool, lanes.account, lanes.model, tenant_id, lanes.queue, head, lanes.priority
        FROM lanes JOIN tenant_turns USING (tenant_id, tool, priority)
        WHERE lanes.tenantless_lane = t.tenantless_lane AND lanes.head IS NOT NULL
            AND lanes.contended_at IS NULL AND NOT tenant_turns.closed AND 'tenant:' || lanes.tenant_id <> ALL(p_full)
        ORDER BY lanes.priority DESC, lanes.head LIMIT 2
    ) AS two
    WHERE t.tool = ANY(p_open_tools) AND t.closed_by IS NULL
        AND scopes_have_room(limit_scopes(NULL, t.model, NULL, t.queue), p_full)
        AND (t.account IS NULL OR account_has_room(t.tool, t.account, p_dispatcher, p_now, p_full))
    WINDOW in_order AS (ORDER BY two.priority DESC, two.head)
    ORDER BY two.priority DESC, two.head LIMIT 1;
END
$$;

-- INTERNAL next_lane(dispatcher, now, open_tools, filled, served, blocked_turns): the lane whose first task is next,
-- or null. The order is priority, then the tenants' turns (those `served` by the claim at hand go behind all others,
-- in that order), then age. Lanes of other tools, and those whose limits or account are full or in `filled`, are
-- passed over.
--
-- `blocked_turns` are turns that had nothing to take earlier in this claim; those that are found now are added. After
-- c_turns of them the order over tenants is given up: first_lane_of_all() is the last resort.
-- Of a turn the first c_lanes lanes are looked at. If these are blocked, first_lane_of_tenant() looks at those of
-- open tenantless lanes. So thousands of lanes that are blocked, each by a limit of its own, cost no more than a few.
-- Only pick_tasks() calls this, under the claim lock and with the settings of lease_tasks().
CREATE OR REPLACE FUNCTION next_lane(
    p_dispatcher dispatchers, p_now timestamptz, p_open_tools text [], p_filled text [], p_served text [],
    INOUT blocked_turns text [], OUT candidate candidate_lane
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_turns CONSTANT integer := 50;
    c_lanes CONSTANT integer := 16;
    -- Mostly the first turn has something to take, so it is fetched alone.
    v_width integer := 1;
    v_turn record;
    v_blocked_before integer;
    v_settled_priority smallint;
    v_lane record;
    v_lanes_seen integer;
    v_blocked_tenantless uuid [] := '{}';
BEGIN
    <<walk>>
    WHILE cardinality(blocked_turns) < c_turns LOOP
        v_blocked_before := cardinality(blocked_turns);
        FOR v_turn IN SELECT * FROM first_turns(p_open_tools, p_served, blocked_turns, v_width) LOOP
            -- Its tenant was served elsewhere since then, so the place is too early. Such rows are put right, and the
            -- order is looked at again.
            IF v_turn.late AND v_turn.priority IS DISTINCT FROM v_settled_priority THEN
                PERFORM settle_late_turns(p_open_tools, v_turn.priority);
                v_settled_priority := v_turn.priority;
                CONTINUE walk;
            END IF;
            v_lanes_seen := 0;
            FOR v_lane IN
                SELECT * FROM first_lanes(p_open_tools, p_filled, v_turn.tenant_id, v_turn.priority, c_lanes)
            LOOP
                v_lanes_seen := v_lanes_seen + 1;
                CONTINUE WHEN v_lane.tenantless_lane = ANY(v_blocked_tenantless);
                IF lane_has_room(
                    v_lane.tool, v_lane.account, v_lane.model, v_lane.queue, v_lane.workflow, p_dispatcher, p_now,
                    p_filled)
                THEN
                    candidate := (
                        v_lane.lane, v_lane.tool, v_lane.account, v_lane.model, v_turn.tenant_id, v_lane.queue,
                        v_turn.priority, v_lane.head,
                        CASE WHEN v_turn.only_tenant AND v_lanes_seen < c_lanes THEN v_lane.next_head ELSE 0 END,
                        v_lane.workflow
                    );
                    RETURN;
                END IF;
                -- Not asked again in this call. Only a few: a long list would cost more than it saves.
                IF cardinality(v_blocked_tenantless) < c_lanes THEN
                    v_blocked_tenantless := v_blocked_tenantless || v_lane.tenantless_lane;
                END IF;
            END LOOP;
            IF v_lanes_seen >= c_lanes THEN
                candidate := first_lane_of_tenant(
                    p_dispatcher, p_now, p_open_tools, p_filled, v_turn.tenant_id, v_turn.priority);
                IF candidate.lane IS NOT NULL THEN
                    RETURN;
                END IF;
            END IF;
            blocked_turns := blocked_turns || v_turn.key;
        END LOOP;
        IF cardinality(blocked_turns) < v_blocked_before + v_width THEN
            RETURN;
        END IF;
        v_width := c_turns;
    END LOOP;
    candidate := first_lane_of_all(p_dispatcher, p_now, p_open_tools, p_filled);
END
$$;

-- INTERNAL lease_tasks(dispatcher, max_tasks): the claim itself, after report_and_claim() has taken
-- the claim lock and the dispatcher's row. docs/claim.md tells it step by step.
--
-- Returns {"runs": [...], "next_deadline_s": seconds or null}. The order is priority, then fair over tenants, then
-- age. No limit of a tool, model, tenant, queue or group is ever passed.
--
-- Each round of the loop looks up a lane with next_lane(), takes from it with take_tasks(), and gives the tasks to
-- groups with assign_groups(). Limits are read by the keys of the lane at hand, so it does not matter how many there
-- are.
--
-- The call stops early after c_bytes of prompts and file names, since a slow line must bring them in time, and after
-- c_fruitless lanes that had nothing to take, since each leaves a dead index entry and thousands of them in one
-- transaction cost quadratic time. Then the deadline is at once. After c_one_by_one of them the next c_together are
-- looked at in one statement, which counts as c_price of them: 20,000 lanes whose tasks were all canceled cost seven
-- claims of 50 ms instead of 67 of 100 ms.
--
-- Many small index probes are on purpose: one large query over the same tables flips its plan (measured: 170 ms
-- instead of 8). The settings below leave the planner no other plan, whatever it believes about the size of tables.
-- They hold in all functions that it calls.
-- Cost: independent of the number of queued tasks and, but for the last resort of next_lane(), of lanes.
-- Locks: the tasks that it takes (SKIP LOCKED), and by the status trigger the counters.
CREATE OR REPLACE FUNCTION lease_tasks(p_dispatcher dispatchers, p_max_tasks integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
    c_bytes CONSTANT integer := 256 * 1024;
    c_fruitless CONSTANT integer := 300;
    c_one_by_one CONSTANT integer := 20;
    c_together CONSTANT integer := 1000;
    c_price CONSTANT integer := 80;
    -- The moment of the whole claim, its deadline included: no moment lies between the two.
    v_now timestamptz := clock();
    v_room record;
    v_groups claimable_group [];
    v_open_tools text [];
    v_room_changed boolean := false;
    -- Limits and accounts that this call itself has filled: the counters do not know of its tasks yet.
    v_filled text [] := '{}';
    v_steps claim_step [] := '{}';
    v_served_tenants text [] := '{}';
    v_blocked_turns text [] := '{}';
    v_next record;
    v_lane candidate_lane;
    v_scopes text [];
    v_tightest record;
    v_most integer;
    v_took record;
    v_assigned record;
    -- What is leased at the end: the tasks, and the group of each.
    v_task_ids uuid [] := '{}';
    v_group_names text [] := '{}';
    v_bytes bigint := 0;
    v_fruitless integer := 0;
    v_together_at integer := c_one_by_one;
    v_emptied integer;
BEGIN
    PERFORM catch_up(v_now);
    v_room := groups_with_room(p_dispatcher, v_now, p_max_tasks);
    v_groups := v_room.groups;
    v_open_tools := v_room.open_tools;

    WHILE cardinality(v_task_ids) < p_max_tasks AND v_bytes < c_bytes AND v_fruitless < c_fruitless LOOP
        IF v_room_changed THEN
            SELECT array_agg(DISTINCT tool) INTO v_open_tools FROM unnest(v_groups)
            WHERE free > 0 AND 'tool:' || tool <> ALL(v_filled);
            v_room_changed := false;
        END IF;
        EXIT WHEN v_open_tools IS NULL;

        v_next := next_lane(p_dispatcher, v_now, v_open_tools, v_filled, v_served_tenants, v_blocked_turns);
        v_lane := v_next.candidate;
        v_blocked_turns := v_next.blocked_turns;
        EXIT WHEN v_lane.lane IS NULL;

        v_scopes := limit_scopes(v_lane.tool, v_lane.model, v_lane.tenant_id, v_lane.queue);
        SELECT array_agg(limits.scope::text) AS scopes, limits.free AS slots INTO v_tightest
        FROM (
            SELECT scope, max_concurrent - current_concurrent - coalesce((
                SELECT sum(step.tasks) FROM unnest(v_steps) AS step WHERE scope = ANY(step.scopes)
            ), 0) AS free
            FROM concurrency_limits WHERE scope = ANY(v_scopes)
        ) AS limits
        GROUP BY limits.free ORDER BY limits.free LIMIT 1;
        v_most := 1;
        IF v_lane.next_head IS DISTINCT FROM 0 AND v_lane.account IS NULL
            AND cardinality(v_task_ids) < p_max_tasks - 1
        THEN
            SELECT least(p_max_tasks - cardinality(v_task_ids), v_tightest.slots, sum(free)) INTO v_most
            FROM unnest(v_groups) WHERE tool = v_lane.tool;
        END IF;
        v_took := take_tasks(v_lane, v_most, c_bytes - v_bytes, v_task_ids, v_now);
        IF v_took.task_ids IS NULL THEN
            -- The head was a hint, and it was wrong. take_tasks() has put it right, so the order is looked at again.
            v_fruitless := v_fruitless + 1;
            IF v_fruitless = v_together_at THEN
                v_emptied := note_emptied_lanes(v_lane.tool, v_lane.priority, c_together);
                v_fruitless := v_fruitless + least(v_emptied, c_price);
                v_together_at := CASE WHEN v_emptied > 0 THEN v_fruitless + c_one_by_one END;
            END IF;
            CONTINUE;
        END IF;
        v_assigned := assign_groups(p_dispatcher, v_now, v_lane, v_took.resumes, v_groups);

        v_groups := v_assigned.groups;
        v_task_ids := v_task_ids || v_took.task_ids;
        v_group_names := v_group_names || v_assigned.group_names;
        v_bytes := v_bytes + v_took.taken_bytes;
        v_served_tenants := array_remove(v_served_tenants, v_lane.tenant_id) || v_lane.tenant_id;
        v_steps := v_steps
            || (v_lane.tool, v_lane.priority, v_scopes, cardinality(v_took.task_ids))::claim_step;
        IF v_assigned.filled <> '{}' THEN
            v_filled := v_filled || v_assigned.filled;
            v_room_changed := true;
        END IF;
        IF v_tightest.slots <= cardinality(v_took.task_ids) THEN
            v_filled := v_filled || v_tightest.scopes;
            v_room_changed := true;
        END IF;
    END LOOP;

    IF v_task_ids <> '{}' THEN
        PERFORM write_leases(p_dispatcher, v_now, v_task_ids, v_group_names);
        PERFORM note_service(v_served_tenants, v_steps);
    END IF;
    RETURN jsonb_build_object('runs', runs_for_dispatch(v_task_ids), 'next_deadline_s', extract(EPOCH FROM least(
        next_deadline(p_dispatcher.id, v_now),
        CASE WHEN v_fruitless >= c_fruitless OR v_bytes >= c_bytes THEN interval '1 millisecond' END)));
END
$$;

-- INTERNAL pick_tasks(dispatcher, now, max_tasks, groups, open_tools, models_cool): chooses and locks the tasks of a claim, and
-- gives each of them to a group. `groups`, `open_tools` and `models_cool` are what groups_with_room() returned.
-- Returns the tasks, the group of each, whether any of them had a run before or continues one, the tenants that were
-- served (the last one last), what each step took, whether a lane was contended, and `stopped` if it stopped early, so
-- that it is time for another claim at once.
--
-- Each round of the loop looks up a lane with next_lane(), takes from it with take_tasks(), and gives the tasks to
-- groups with assign_groups(). Limits are read by the keys of the lane at hand, so it does not matter how many there
-- are.
--
-- It stops early after c_bytes of prompts and file names, since a slow line must bring them in time, and after
-- c_fruitless lanes that had nothing to take, since each leaves a dead index entry and thousands of them in one
-- transaction cost quadratic time. With what count_fruitless_lane() does, 20,000 lanes whose tasks were all canceled
-- cost seven claims of 50 ms instead of 67 of 100 ms.
-- Locks: the tasks that it returns (SKIP LOCKED). Only lease_tasks() calls this, with its settings.
CREATE OR REPLACE FUNCTION pick_tasks(
    p_dispatcher dispatchers, p_now timestamptz, p_max_tasks integer, p_groups claimable_group [], p_open_tools text [],
    p_models_cool boolean,
    OUT task_ids uuid [], OUT group_names text [], OUT has_past boolean, OUT served_tenants text [],
    OUT steps claim_step [], OUT contended boolean, OUT stopped boolean
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_bytes CONSTANT integer := 256 * 1024;
    c_fruitless CONSTANT integer := 300;
    -- Limits and accounts that this claim itself has filled: the counters do not know of its tasks yet.
    v_filled text [] := '{}';
    -- Groups in which a model cools, as group_name and model joined by chr(31); and those where the lane's model does.
    v_cooling text [];
    v_cooling_here text [] := '{}';
    v_cooling_groups claimable_group [];
    v_room_changed boolean := false;
    v_blocked_turns text [] := '{}';
    v_next record;
    v_lane candidate_lane;
    v_scopes text [];
    v_slots bigint;
    v_most integer;
    v_took record;
    v_assigned record;
    v_bytes bigint := 0;
    v_fruitless integer := 0;
    v_one_by_one integer := 0;
BEGIN
    task_ids := '{}';
    group_names := '{}';
    has_past := false;
    contended := false;
    served_tenants := '{}';
    steps := '{}';
    IF p_models_cool THEN
        SELECT array_agg(group_name || chr(31) || model), array_agg(cooling_key(tool, model, account_name))
        INTO v_cooling, v_filled FROM models_that_cool(p_now);
        v_filled := coalesce(v_filled, '{}') || cooling_lanes(p_groups, v_cooling);
    END IF;
    WHILE cardinality(task_ids) < p_max_tasks AND v_bytes < c_bytes AND v_fruitless < c_fruitless LOOP
        IF v_room_changed THEN
            v_room_changed := false;
            v_filled := v_filled || v_assigned.filled
                || ARRAY(SELECT scope FROM limits_in_claim(v_scopes, steps) WHERE slots <= 0);
            IF p_models_cool THEN
                v_filled := v_filled || cooling_lanes(p_groups, v_cooling);
            END IF;
            SELECT array_agg(DISTINCT tool) INTO p_open_tools FROM unnest(p_groups)
            WHERE free > 0 AND 'tool:' || tool <> ALL(v_filled);
        END IF;
        EXIT WHEN p_open_tools IS NULL;

        v_lane := first_lane(p_dispatcher, p_now, p_open_tools, v_filled, served_tenants, v_blocked_turns);
        IF v_lane.lane IS NULL THEN
            v_next := next_lane(p_dispatcher, p_now, p_open_tools, v_filled, served_tenants, v_blocked_turns);
            v_lane := v_next.candidate;
            v_blocked_turns := v_next.blocked_turns;
        END IF;
        EXIT WHEN v_lane.lane IS NULL;

        v_scopes := limit_scopes(v_lane.tool, v_lane.model, v_lane.tenant_id, v_lane.queue, v_lane.workflow);
        IF p_models_cool THEN
            SELECT array_agg(g) FILTER (WHERE cools), coalesce(array_agg(g) FILTER (WHERE NOT cools), '{}'),
                coalesce(array_agg(group_name::text) FILTER (WHERE cools), '{}')
            INTO v_cooling_groups, p_groups, v_cooling_here
            FROM unnest(p_groups) AS g
            CROSS JOIN LATERAL (
                SELECT coalesce(group_name || chr(31) || coalesce(v_lane.model, '') = ANY(v_cooling), false) AS cools
            ) AS asked;
        END IF;
        SELECT * INTO v_slots, v_most
        FROM room_in_lane(v_lane, v_scopes, steps, p_groups, p_max_tasks - cardinality(task_ids));
        v_took := take_tasks(v_lane, v_most, c_bytes - v_bytes, task_ids, p_now);
        contended := contended OR v_took.contended;
        IF v_took.task_ids IS NULL THEN
            -- The head was a hint, and it was wrong. take_tasks() has put it right, so the order is looked at again.
            p_groups := p_groups || v_cooling_groups;
            SELECT * INTO v_fruitless, v_one_by_one
            FROM count_fruitless_lane(v_lane.tool, v_lane.priority, v_fruitless, v_one_by_one);
            CONTINUE;
        END IF;
        v_assigned := assign_groups(p_dispatcher, p_now, v_lane, v_took.resumes, p_groups, v_cooling_here);

        p_groups := v_assigned.groups || v_cooling_groups;
        task_ids := task_ids || v_took.task_ids;
        group_names := group_names || v_assigned.group_names;
        has_past := has_past OR v_took.has_past;
        v_bytes := v_bytes + v_took.taken_bytes;
        served_tenants := array_remove(served_tenants, v_lane.tenant_id) || v_lane.tenant_id;
        steps := steps || (v_lane.tool, v_lane.priority, v_scopes, cardinality(v_took.task_ids))::claim_step;
        EXIT WHEN cardinality(v_assigned.filled) = cardinality(p_groups);
        v_room_changed := v_assigned.filled <> '{}' OR v_slots <= cardinality(v_took.task_ids);
    END LOOP;
    stopped := v_fruitless >= c_fruitless OR v_bytes >= c_bytes;
END
$$;

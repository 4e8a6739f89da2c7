-- lease_tasks(dispatcher, max_tasks): what claim_tasks() does once it holds the claim lock and the dispatcher.
--
-- Answers {"runs": [...], "next_deadline_s": seconds or null}. Order: priority, then fair over tenants, then age.
-- No limit of a tool, model, tenant, queue or group is ever passed; of several groups the one with most free slots, or
-- that of the session which a usage limit cut short. If that one has no room, the task starts over with another.
-- The deadline is taken on the same clock reading as the claim, so no moment lies between the two. It is at once
-- when the call stopped early: after c_bytes of prompts and names (a slow line must bring them in time), or after c_vain lanes
-- that had nothing to take (thousands of them in one transaction would be quadratic: their dead index entries stay).
-- After c_many of them the next thousand are looked at together, at the price of 80: 20,000 lanes whose tasks were all
-- canceled cost seven claims of 50 ms, and not 67 of 100.
--
-- How: next_lane() looks up a lane, take_tasks() takes from it. A lane that no other tenant competes with gives as many
-- tasks at once as it would give one after the other. Whether a limit is full is asked of the limits of the lane at
-- hand, so that it does not matter how many are. Of the groups only so many are kept as may be used, the best of each
-- tool, and those that a task is pinned to.
-- Many small index probes are on purpose: one large query over the same tables flips its plan (measured 170 ms against
-- 8). The settings below leave the planner nothing else, whatever it believes about the size of tables.
-- Cost: independent of the number of queued tasks and, but for the fallback, of lanes.
-- Locks: the picked tasks (SKIP LOCKED), and by the status trigger the counters.
CREATE OR REPLACE FUNCTION lease_tasks(p_dispatcher dispatchers, p_max_tasks integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
    c_vain CONSTANT integer := 300;
    c_many CONSTANT integer := 20;
    c_bytes CONSTANT integer := 256 * 1024;
    v_now timestamptz := clock();
    -- Groups with room: free counts down as this call takes slots.
    v_group_names text [];
    v_group_tools text [];
    v_group_accounts text [];
    v_group_free integer [];
    v_group integer;
    v_wanted record;
    v_home text;
    v_open_tools text [];
    -- Scopes and accounts that this call fills, and how many slots of a scope each of its steps takes.
    v_full text [] := '{}';
    v_scopes text [];
    v_room record;
    v_taken_scopes text [] := '{}';
    v_taken_slots integer [] := '{}';
    -- What this call looked at: tenants in the order of their last service, of which tools and priorities; turns with
    -- nothing to take.
    v_served text [] := '{}';
    v_blocked_turns text [] := '{}';
    v_tenant text;
    v_ways text [] := '{}';
    v_turn bigint;
    v_lane record;
    v_most integer;
    v_took record;
    v_picked uuid [] := '{}';
    v_picked_groups text [] := '{}';
    v_room_changed boolean := false;
    v_vain integer := 0;
    v_together integer := c_many;
    v_emptied integer;
    v_bytes bigint := 0;
BEGIN
    IF EXISTS (
        SELECT FROM tasks
        WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit') AND ready_at <= v_now
    ) THEN
        PERFORM promote_due_tasks(v_now);
    END IF;
    PERFORM drain_inboxes();

    SELECT array_agg(group_name), array_agg(tool), array_agg(account_name), array_agg(free), array_agg(DISTINCT tool)
    INTO v_group_names, v_group_tools, v_group_accounts, v_group_free, v_open_tools
    FROM (
        SELECT group_name, tool, account_name, free,
            row_number() OVER (PARTITION BY tool ORDER BY free DESC, group_name) AS place
        FROM worker_groups AS g CROSS JOIN LATERAL (SELECT free_slots(g, v_now) AS free) AS slots
        WHERE current_concurrent < max_concurrent AND free > 0 AND group_is_served_by(g, p_dispatcher)
    ) AS with_room
    WHERE place <= p_max_tasks AND NOT EXISTS (
        SELECT FROM concurrency_limits WHERE scope = 'tool:' || tool AND current_concurrent >= max_concurrent
    );

    WHILE cardinality(v_picked) < p_max_tasks AND v_bytes < c_bytes AND v_vain < c_vain LOOP
        IF v_room_changed THEN
            SELECT array_agg(DISTINCT tool) INTO v_open_tools FROM unnest(v_group_tools, v_group_free) AS g (tool, free)
            WHERE free > 0 AND 'tool:' || tool <> ALL(v_full);
            v_room_changed := false;
        END IF;
        EXIT WHEN v_open_tools IS NULL;

        v_lane := next_lane(p_dispatcher, v_now, v_open_tools, v_full, v_served, v_blocked_turns);
        EXIT WHEN v_lane.lane IS NULL;
        v_blocked_turns := v_lane.blocked;

        v_scopes := limit_scopes(v_lane.tool, v_lane.model, v_lane.tenant_id, v_lane.queue);
        SELECT slots, array_agg(scope::text) AS scopes INTO v_room
        FROM (
            SELECT scope, max_concurrent - current_concurrent - coalesce((
                SELECT sum(taken) FROM unnest(v_taken_scopes, v_taken_slots) AS step (taken_scope, taken)
                WHERE taken_scope = scope
            ), 0) AS slots
            FROM concurrency_limits WHERE scope = ANY(v_scopes)
        ) AS limits
        GROUP BY slots ORDER BY slots LIMIT 1;
        v_most := 1;
        IF v_lane.next_head IS DISTINCT FROM 0 AND v_lane.account IS NULL THEN
            SELECT least(p_max_tasks - cardinality(v_picked), v_room.slots, sum(free)) INTO v_most
            FROM unnest(v_group_tools, v_group_free) AS g (tool, free) WHERE tool = v_lane.tool;
        END IF;

        -- The head is a hint. When it was wrong, take_tasks() has put it right and the order is looked at again.
        v_took := take_tasks(
            v_lane.lane, v_lane.head, v_lane.next_head, v_most, c_bytes - v_bytes, v_picked, v_now);
        IF v_took.task_ids IS NULL THEN
            v_vain := v_vain + 1;
            -- Where many are empty in a row, the next ones are looked at together.
            IF v_vain = v_together THEN
                v_emptied := note_emptied_lanes(v_lane.tool, v_lane.priority, 1000);
                v_vain := v_vain + least(v_emptied, 80);
                v_together := CASE WHEN v_emptied > 0 THEN v_vain + c_many END;
            END IF;
            CONTINUE;
        END IF;

        FOR i IN 1 .. cardinality(v_took.task_ids) LOOP
            v_home := NULL;
            IF v_took.resumes[i] IS NOT NULL THEN
                SELECT group_name INTO v_home FROM task_runs
                WHERE id = v_took.resumes[i] AND work_dir_id = p_dispatcher.work_dir_id;
            END IF;
            IF v_lane.account IS NOT NULL OR v_home IS NOT NULL THEN
                -- Of a pinned account next_lane() saw a free slot. A report may have stopped the account since then.
                SELECT group_name, account_name,
                    greatest(free_slots(g, v_now), (v_lane.account IS NOT NULL)::integer) AS free
                INTO v_wanted FROM worker_groups AS g
                WHERE group_name = coalesce((
                        SELECT group_name FROM worker_groups WHERE tool = v_lane.tool AND account_name = v_lane.account
                    ), v_home)
                    AND group_name <> ALL(v_group_names) AND tool = v_lane.tool AND group_is_served_by(g, p_dispatcher);
                IF FOUND THEN
                    v_group_names := v_group_names || v_wanted.group_name::text;
                    v_group_tools := v_group_tools || v_lane.tool;
                    v_group_accounts := v_group_accounts || v_wanted.account_name;
                    v_group_free := v_group_free || v_wanted.free;
                END IF;
            END IF;
            SELECT position INTO v_group
            FROM unnest(v_group_tools, v_group_accounts, v_group_free, v_group_names)
                WITH ORDINALITY AS g (tool, account, free, name, position)
            WHERE tool = v_lane.tool AND free > 0 AND (v_lane.account IS NULL OR account = v_lane.account)
            ORDER BY coalesce(name = v_home, false) DESC, free DESC, name COLLATE "C" LIMIT 1;
            v_group_free[v_group] := v_group_free[v_group] - 1;
            v_picked_groups := v_picked_groups || v_group_names[v_group];
            IF v_group_free[v_group] = 0 THEN
                v_full := v_full || ('account:' || v_lane.tool || chr(31) || v_group_accounts[v_group]);
                v_room_changed := true;
            END IF;
        END LOOP;
        v_picked := v_picked || v_took.task_ids;
        v_bytes := v_bytes + v_took.taken_bytes;
        v_served := array_remove(v_served, v_lane.tenant_id) || v_lane.tenant_id;
        v_ways := v_ways || (v_lane.tool || chr(31) || v_lane.priority);
        v_taken_scopes := v_taken_scopes || v_scopes;
        v_taken_slots := v_taken_slots || array_fill(cardinality(v_took.task_ids), ARRAY[cardinality(v_scopes)]);
        IF v_room.slots <= cardinality(v_took.task_ids) THEN
            v_full := v_full || v_room.scopes;
            v_room_changed := true;
        END IF;
    END LOOP;

    IF v_picked <> '{}' THEN
        UPDATE tasks SET status = 'leased', leased_by = p_dispatcher.id, group_name = picked.group_name,
            run_id = gen_random_uuid(), run_no = run_no + 1, updated_at = v_now, resumes = (
                SELECT session.id FROM task_runs AS session
                WHERE session.id = tasks.resumes AND session.group_name = picked.group_name
                    AND session.work_dir_id = p_dispatcher.work_dir_id
            )
        FROM unnest(v_picked, v_picked_groups) AS picked (id, group_name)
        WHERE tasks.id = picked.id AND tasks.id = ANY(v_picked);
        INSERT INTO task_runs (
            id, task_id, run_no, attempt, group_name, dispatcher_id, work_dir_id, host, boot_id, claimed_at, resumed,
            directory
        )
        SELECT t.run_id, t.id, t.run_no, t.attempt + 1, t.group_name, p_dispatcher.id, p_dispatcher.work_dir_id,
            p_dispatcher.host, p_dispatcher.boot_id, v_now, session.id,
            coalesce(session.directory, t.number || '-' || t.run_no)
        FROM tasks AS t LEFT JOIN LATERAL (
            SELECT id, directory FROM task_runs WHERE id = coalesce(t.resumes, t.continues) LIMIT 1
        ) AS session ON true
        WHERE t.id = ANY(v_picked);
        -- Its other rows learn their new turn when they come to be first, see next_lane(): so no index hears of them.
        FOREACH v_tenant IN ARRAY v_served LOOP
            v_turn := nextval('turn_numbers');
            UPDATE tenant_turns SET last_served = v_turn,
                turn = CASE WHEN waiting AND tool || chr(31) || priority = ANY(v_ways) THEN v_turn ELSE turn END
            WHERE tenant_id = v_tenant;
        END LOOP;
    END IF;

    RETURN jsonb_build_object('runs', runs_for_dispatch(v_picked), 'next_deadline_s', extract(EPOCH FROM least(
        next_deadline(p_dispatcher.id, v_now),
        CASE WHEN v_vain >= c_vain OR v_bytes >= c_bytes THEN interval '1 millisecond' END)));
END
$$;

-- claim_tasks(dispatcher, max_tasks): leases the next tasks to a dispatcher and opens a run for each.
--
-- Answers {"runs": [...], "next_deadline_s": seconds or null}. Order: priority, then fair over tenants, then age.
-- No limit of a tool, model, tenant, queue or group is ever passed; of several groups the one with most free slots, or
-- that of the session which a usage limit cut short. If that one has no room, the task starts over with another.
-- The deadline is taken on the same clock reading as the claim, so no moment lies between the two. It is at once
-- when the call stopped early: after c_bytes of prompts (an answer of 256 MB would be an error), or after c_vain lanes
-- that had nothing to take (thousands of them in one transaction would be quadratic: their dead index entries stay).
--
-- How: under the claim lock, lanes with work are looked up through the tenants' turns (at most c_walk that turn
-- out to be blocked), then, if that was not enough, through the kinds that nothing blocks, oldest first. Many small
-- index probes are on purpose: one large query over the same tables flips its plan (measured 170 ms against 8). The
-- settings below leave the planner nothing else, whatever it believes about the size of tables.
-- Cost: independent of the number of queued tasks and, but for the fallback, of lanes.
-- Locks: claim lock, dispatchers row, the picked tasks (SKIP LOCKED), and by the status trigger the counters.
-- Raises LD410 when the dispatcher is closed, LD400 in a transaction that is not READ COMMITTED.
CREATE OR REPLACE FUNCTION claim_tasks(p_dispatcher uuid, p_max_tasks integer DEFAULT 10) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
    c_walk CONSTANT integer := 50;
    c_vain CONSTANT integer := 300;
    c_bytes CONSTANT integer := 32 * 1024 * 1024;
    v_dispatcher dispatchers;
    v_now timestamptz;
    -- Groups with room: free counts down as this call takes slots.
    v_group_names text [];
    v_group_tools text [];
    v_group_accounts text [];
    v_group_free integer [];
    v_group integer;
    v_home text;
    v_open_tools text [];
    v_open_accounts text [];
    -- Scopes that are full, and one entry for each slot of a scope that this call takes.
    v_full text [];
    v_filled text [];
    v_taken text [] := '{}';
    -- What this call looked at: tenants in the order of their last service, turns with nothing to take.
    v_served text [] := '{}';
    v_blocked_turns text [] := '{}';
    v_picked uuid [] := '{}';
    v_picked_groups text [] := '{}';
    v_turn record;
    v_lane lanes;
    v_task record;
    v_room_changed boolean := true;
    v_walking boolean := true;
    v_vain integer := 0;
    v_bytes bigint := 0;
BEGIN
    PERFORM lock_claims();
    v_dispatcher := require_open_dispatcher(p_dispatcher);
    v_now := clock();
    PERFORM promote_due_tasks(v_now);
    PERFORM drain_inboxes();

    SELECT array_agg(group_name), array_agg(tool), array_agg(account_name),
        array_agg(free)
    INTO v_group_names, v_group_tools, v_group_accounts, v_group_free
    FROM worker_groups AS g, LATERAL free_slots(g, v_now) AS free
    WHERE current_concurrent < max_concurrent AND free > 0 AND group_is_served_by(g, v_dispatcher);
    -- Tenants that are full have closed turns.
    SELECT coalesce(array_agg(scope), '{}') INTO v_full FROM concurrency_limits
    WHERE current_concurrent >= max_concurrent AND scope NOT LIKE 'tenant:%';

    WHILE cardinality(v_picked) < p_max_tasks AND v_bytes < c_bytes AND v_vain < c_vain LOOP
        IF v_room_changed THEN
            SELECT array_agg(DISTINCT tool), array_agg(DISTINCT tool || chr(31) || account)
            INTO v_open_tools, v_open_accounts
            FROM unnest(v_group_tools, v_group_accounts, v_group_free) AS g (tool, account, free)
            WHERE free > 0 AND 'tool:' || tool <> ALL(v_full);
            EXIT WHEN v_open_tools IS NULL;
            v_room_changed := false;
        END IF;

        v_lane := NULL;
        IF v_walking THEN
            SELECT t.priority, t.tenant_id, t.priority || chr(31) || t.tenant_id AS key INTO v_turn
            FROM unnest(v_open_tools) AS open_tool
            CROSS JOIN LATERAL (
                SELECT turns.* FROM turns
                WHERE turns.tool = open_tool AND waiting AND NOT closed
                ORDER BY priority DESC, turn, tenant_id
                LIMIT 1 + cardinality(v_blocked_turns) + cardinality(v_served)
            ) AS t
            WHERE t.priority || chr(31) || t.tenant_id <> ALL(v_blocked_turns)
            ORDER BY t.priority DESC, coalesce(array_position(v_served, t.tenant_id), 0), t.turn, t.tenant_id
            LIMIT 1;
            EXIT WHEN NOT FOUND;
            IF 'tenant:' || v_turn.tenant_id <> ALL(v_full) THEN
                SELECT oldest.* INTO v_lane
                FROM unnest(v_open_tools) AS open_tool CROSS JOIN LATERAL (
                    SELECT * FROM lanes
                    WHERE tenant_id = v_turn.tenant_id AND tool = open_tool AND priority = v_turn.priority
                        AND head IS NOT NULL AND contended_at IS NULL
                        AND (model IS NULL OR 'model:' || model <> ALL(v_full)) AND 'queue:' || queue <> ALL(v_full)
                        AND (account IS NULL OR tool || chr(31) || account = ANY(v_open_accounts))
                    ORDER BY head LIMIT 1
                ) AS oldest
                ORDER BY oldest.head LIMIT 1;
            END IF;
            IF v_lane.lane IS NULL THEN
                v_blocked_turns := v_blocked_turns || v_turn.key;
                v_walking := cardinality(v_blocked_turns) < c_walk;
                CONTINUE;
            END IF;
        ELSE
            SELECT best.* INTO v_lane
            FROM kinds CROSS JOIN LATERAL (
                SELECT lanes.* FROM lanes JOIN turns USING (tenant_id, tool, priority)
                WHERE lanes.kind = kinds.kind AND lanes.head IS NOT NULL AND lanes.contended_at IS NULL
                    AND NOT turns.closed AND 'tenant:' || lanes.tenant_id <> ALL(v_full)
                ORDER BY lanes.priority DESC, lanes.head LIMIT 1
            ) AS best
            WHERE kinds.tool = ANY(v_open_tools)
                AND (kinds.model IS NULL OR 'model:' || kinds.model <> ALL(v_full))
                AND 'queue:' || kinds.queue <> ALL(v_full)
                AND (kinds.account IS NULL OR kinds.tool || chr(31) || kinds.account = ANY(v_open_accounts))
            ORDER BY best.priority DESC, best.head LIMIT 1;
            EXIT WHEN NOT FOUND;
        END IF;

        -- The head is a hint. When it was wrong, take_task() has put it right and the order is looked at again.
        v_task := take_task(v_lane, v_picked, v_now);
        IF v_task.task_id IS NULL THEN
            v_vain := v_vain + 1;
            CONTINUE;
        END IF;

        v_home := NULL;
        IF v_task.resumes IS NOT NULL THEN
            SELECT group_name INTO v_home FROM task_runs
            WHERE id = v_task.resumes AND work_dir_id = v_dispatcher.work_dir_id;
        END IF;
        SELECT position INTO v_group
        FROM unnest(v_group_tools, v_group_accounts, v_group_free, v_group_names)
            WITH ORDINALITY AS g (tool, account, free, name, position)
        WHERE tool = v_lane.tool AND free > 0 AND (v_lane.account IS NULL OR account = v_lane.account)
        ORDER BY coalesce(name = v_home, false) DESC, free DESC, name LIMIT 1;
        v_group_free[v_group] := v_group_free[v_group] - 1;
        v_picked := v_picked || v_task.task_id;
        v_picked_groups := v_picked_groups || v_group_names[v_group];
        v_bytes := v_bytes + v_task.prompt_bytes;
        v_served := array_remove(v_served, v_lane.tenant_id) || v_lane.tenant_id;
        v_taken := v_taken || limit_scopes(v_lane.tool, v_lane.model, v_lane.tenant_id, v_lane.queue);
        SELECT array_agg(scope) INTO v_filled FROM concurrency_limits
        WHERE scope = ANY(limit_scopes(v_lane.tool, v_lane.model, v_lane.tenant_id, v_lane.queue))
            AND current_concurrent + cardinality(array_positions(v_taken, scope::text)) >= max_concurrent;
        v_full := v_full || v_filled;
        v_room_changed := v_group_free[v_group] = 0 OR v_filled IS NOT NULL;
    END LOOP;

    IF v_picked <> '{}' THEN
        UPDATE tasks SET status = 'leased', leased_by = p_dispatcher, group_name = picked.group_name,
            run_id = gen_random_uuid(), run_no = run_no + 1, updated_at = v_now, resumes = (
                SELECT session.id FROM task_runs AS session
                WHERE session.id = tasks.resumes AND session.group_name = picked.group_name
                    AND session.work_dir_id = v_dispatcher.work_dir_id
            )
        FROM unnest(v_picked, v_picked_groups) AS picked (id, group_name) WHERE tasks.id = picked.id;
        INSERT INTO task_runs (
            id, task_id, run_no, attempt, group_name, dispatcher_id, work_dir_id, host, boot_id, claimed_at, resumed,
            directory
        )
        SELECT t.run_id, t.id, t.run_no, t.attempt + 1, t.group_name, p_dispatcher, v_dispatcher.work_dir_id,
            v_dispatcher.host, v_dispatcher.boot_id, v_now, session.id,
            coalesce(session.directory, t.number || '-' || t.run_no)
        FROM tasks AS t LEFT JOIN task_runs AS session ON session.id = coalesce(t.resumes, t.continues)
        WHERE t.id = ANY(v_picked);
        FOR v_turn IN SELECT tenant_id FROM unnest(v_served) AS tenant_id LOOP
            UPDATE turns SET turn = nextval('turn_numbers') WHERE tenant_id = v_turn.tenant_id;
        END LOOP;
    END IF;

    RETURN jsonb_build_object('runs', runs_for_dispatch(v_picked), 'next_deadline_s', extract(EPOCH FROM least(
        next_deadline(p_dispatcher, v_now),
        CASE WHEN v_vain >= c_vain OR v_bytes >= c_bytes THEN interval '1 millisecond' END)));
END
$$;

-- INTERNAL lease_tasks(dispatcher, max_tasks): the claim itself, after report_and_claim() has taken the claim lock and
-- the dispatcher's row. docs/claim.md tells it step by step.
--
-- Returns the runs as write_leases() does, null for none, and the seconds to the next deadline or null. The order is
-- priority, then fair over tenants, then age. No limit of a tool, model, tenant, queue, workflow or group is ever passed. The
-- deadline is at once when catch_up() or pick_tasks() stopped early, or picked what is for another dispatcher, see
-- pass_on_sessions().
-- `schedules_due`: a schedule has an instant that has come, see due_schedules().
--
-- Many small index probes are on purpose: one large query over the same tables flips its plan (measured: 170 ms
-- instead of 8). The settings below leave the planner no other plan, whatever it believes about the size of tables.
-- They hold in all functions that it calls.
-- Cost: independent of the number of queued tasks and, but for the last resort of next_lane(), of lanes.
-- Locks: the tasks that it takes (SKIP LOCKED), and by the status trigger the counters.
CREATE OR REPLACE FUNCTION lease_tasks(
    p_dispatcher dispatchers, p_max_tasks integer, OUT runs json, OUT next_deadline_s numeric, OUT schedules_due boolean
)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
    -- The moment of the whole claim, its deadline included: no moment lies between the two.
    v_now timestamptz := clock();
    v_room record;
    v_news record;
    v_picked record;
    v_kept record;
    v_is_picked boolean := false;
    v_may_change boolean;
    v_stopped boolean := false;
    v_done boolean;
BEGIN
    v_room := groups_with_room(p_dispatcher, v_now, p_max_tasks);
    v_news := catch_up(v_now, v_room.open_tools);
    v_may_change := v_room.may_open OR v_news.may_change;
    v_stopped := v_news.is_more;
    schedules_due := coalesce(v_news.schedule_at <= v_now, false);
    IF v_news.may_take THEN
        IF v_news.only_lane THEN
            IF NOT v_room.models_cool THEN
                v_picked := pick_only_lane(p_dispatcher, v_now, p_max_tasks, v_room.groups, v_room.open_tools);
                v_is_picked := v_picked.task_ids IS NOT NULL;
            END IF;
            IF NOT v_is_picked THEN
                PERFORM file_lanes();
            END IF;
        END IF;
        IF NOT v_is_picked THEN
            v_picked := pick_tasks(
                p_dispatcher, v_now, p_max_tasks, v_room.groups, v_room.open_tools, v_room.models_cool);
            v_may_change := v_may_change OR v_picked.contended;
            v_stopped := v_stopped OR v_picked.stopped;
        END IF;
        IF v_picked.has_past THEN
            v_kept := pass_on_sessions(p_dispatcher, v_now, v_picked.task_ids, v_picked.group_names);
            v_kept := leave_out_spent_trees(v_now, v_kept.p_task_ids, v_kept.p_group_names);
            v_stopped := v_stopped OR cardinality(v_kept.p_task_ids) < cardinality(v_picked.task_ids);
            v_picked.task_ids := v_kept.p_task_ids;
            v_picked.group_names := v_kept.p_group_names;
        END IF;
        IF v_picked.task_ids <> '{}' THEN
            runs := write_leases(p_dispatcher, v_now, v_picked.task_ids, v_picked.group_names, v_picked.has_past);
            v_done := note_service(v_picked.served_tenants, v_picked.steps) IS NOT NULL;
        END IF;
    END IF;
    IF v_stopped THEN
        next_deadline_s := 0.001;
    ELSIF v_may_change THEN
        next_deadline_s := extract(EPOCH FROM next_deadline(p_dispatcher.id, v_now));
    ELSIF v_news.schedule_at > v_now THEN
        next_deadline_s := extract(EPOCH FROM v_news.schedule_at - v_now);
    END IF;
END
$$;

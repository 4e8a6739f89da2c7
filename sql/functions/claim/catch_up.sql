-- INTERNAL catch_up(now, open_tools): brings what the claim knows up to date: tasks whose time has come, lanes that got
-- work, lanes that were contended, limits that became full or got room, and tasks that came after others, see settle_inbox().
-- When there is no news this is seven probes.
-- Returns `may_take`, which is false if no lane of an open tool has work; `only_lane` if one lane got work and is all
-- that may be taken: it is not filed yet, see pick_only_lane(); `may_change` if some task waits for a time, or
-- others held what was to be looked at; and `is_more` if more was to be done than one claim does.
-- `schedule_at` is the next instant of a schedule, 1970 if one is to be computed, null
-- if there is none: a dispatcher fires it, see due_schedules().
-- Only lease_tasks() calls this, under the claim lock, which every writer of lanes, tenantless_lanes and tenant_turns
-- holds.
CREATE OR REPLACE FUNCTION catch_up(
    p_now timestamptz, p_open_tools text [], OUT may_take boolean, OUT only_lane boolean, OUT may_change boolean,
    OUT is_more boolean, OUT schedule_at timestamptz
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_due_at timestamptz := (
        SELECT ready_at FROM tasks
        WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit') ORDER BY ready_at LIMIT 1
    );
    v_filed integer := (SELECT count(*) FROM (SELECT FROM lane_inbox LIMIT 2) AS filed);
    v_contended boolean := EXISTS (SELECT FROM lanes WHERE contended_at IS NOT NULL);
    v_limits boolean := EXISTS (SELECT FROM limit_inbox);
    v_waiting boolean := EXISTS (SELECT FROM tenant_turns WHERE tool = ANY(p_open_tools) AND waiting AND NOT closed);
    v_needs boolean := EXISTS (SELECT FROM dependency_inbox);
    v_news boolean := v_contended OR v_limits OR v_needs OR coalesce(v_due_at <= p_now, false);
BEGIN
    is_more := false;
    schedule_at := (SELECT due_at FROM schedules WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1);
    may_change := v_contended OR v_due_at IS NOT NULL OR v_needs;
    only_lane := v_filed = 1 AND p_open_tools IS NOT NULL AND NOT v_waiting AND NOT v_news;
    may_take := v_filed > 0 OR v_waiting OR v_news;
    IF only_lane OR v_filed = 0 AND NOT v_news THEN
        RETURN;
    END IF;
    IF v_due_at <= p_now THEN
        PERFORM promote_due_tasks(p_now);
    END IF;
    IF v_needs THEN
        is_more := settle_inbox();
    END IF;
    IF v_filed > 0 OR v_due_at <= p_now OR v_needs THEN
        PERFORM file_lanes();
    END IF;
    IF v_contended THEN
        PERFORM retry_contended_lanes();
    END IF;
    IF v_limits THEN
        PERFORM note_changed_limits();
    END IF;
END
$$;

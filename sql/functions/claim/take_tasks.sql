-- INTERNAL take_tasks(lane, most, bytes, picked, now): takes tasks of a lane as lock_ready() does, which are as many as
-- a claim would take that looked at all lanes anew for each, and writes down what it learned about the lane.
--
-- Returns no tasks when the lane has nothing to take now: it is empty; or its head was a task that is gone, and the
-- next one is younger, so that another lane may come first; or others hold its first tasks in open transactions (see
-- take_behind_held()). Such a lane is `contended` and steps aside, since a rollback tells nobody.
--
-- Nothing ready in the lane is older than its `oldest`, so a probe begins there. Before it lie, until VACUUM comes
-- by, the index entries of what was taken or canceled (200,000 are 2,000 pages). Whatever becomes ready with an
-- earlier time says so in the inbox.
-- Locks: the tasks that it returns. Only pick_tasks() calls this, under the claim lock.
CREATE OR REPLACE FUNCTION take_tasks(
    p_lane candidate_lane, p_most integer, p_bytes bigint, p_picked uuid [], p_now timestamptz,
    OUT task_ids uuid [], OUT resumes uuid [], OUT has_past boolean, OUT taken_bytes bigint, OUT contended boolean
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_found record;
BEGIN
    v_found := lock_ready(
        p_lane, (SELECT oldest FROM lanes WHERE lane = p_lane.lane), p_most, p_bytes, p_picked);
    task_ids := v_found.task_ids;
    resumes := v_found.resumes;
    has_past := v_found.has_past;
    taken_bytes := v_found.taken_bytes;
    contended := false;
    IF v_found.are_held THEN
        SELECT * INTO task_ids, resumes, has_past, taken_bytes
        FROM take_behind_held(p_lane.lane, v_found.oldest, p_picked);
        contended := task_ids IS NULL;
    END IF;
    UPDATE lanes SET head = v_found.head, oldest = coalesce(v_found.oldest, oldest),
        contended_at = CASE WHEN contended THEN p_now END
    WHERE lane = p_lane.lane;
    IF v_found.head IS NULL OR contended THEN
        -- A turn is waiting as long as it has a lane to look at.
        UPDATE tenant_turns SET waiting = false
        WHERE tenant_id = p_lane.tenant_id AND tool = p_lane.tool AND priority = p_lane.priority
            AND NOT EXISTS (
                SELECT FROM lanes
                WHERE lanes.tenant_id = p_lane.tenant_id AND lanes.tool = p_lane.tool
                    AND lanes.priority = p_lane.priority AND head IS NOT NULL AND contended_at IS NULL);
    END IF;
END
$$;

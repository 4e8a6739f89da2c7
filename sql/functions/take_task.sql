-- take_task(lane, picked, now): locks the first task of a lane that is ready, that nobody holds and that is not picked
-- yet, and writes down what it learned about the lane. Answers null when the lane has nothing to take now: it is
-- empty; or its head was a task that is gone and the next one is younger, so that another lane may be first; or others
-- hold its first 50 tasks in open transactions (the lane steps aside: their rollback would tell nobody).
-- Only claim_tasks() calls this, under the claim lock. A lane's turn is waiting as long as it has a lane to look at.
CREATE OR REPLACE FUNCTION take_task(
    p_lane lanes, p_picked uuid [], p_now timestamptz, OUT task_id uuid, OUT prompt_bytes integer, OUT resumes uuid
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_ids uuid [];
    v_numbers bigint [];
    v_head bigint;
    v_contended boolean := false;
BEGIN
    SELECT array_agg(id), array_agg(number) INTO v_ids, v_numbers FROM (
        SELECT id, number FROM tasks
        WHERE lane = p_lane.lane AND status = 'queued' AND wait_reason IS NULL AND id <> ALL(p_picked)
        ORDER BY created_at, number LIMIT 2
    ) AS first_two;
    v_head := v_numbers[1];
    IF v_head <= p_lane.head THEN
        SELECT id, octet_length(prompt), tasks.resumes INTO task_id, prompt_bytes, resumes FROM tasks
        WHERE id = v_ids[1] AND lane = p_lane.lane AND status = 'queued' AND wait_reason IS NULL
        FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
            v_head := v_numbers[2];
        ELSE
            SELECT id, octet_length(prompt), tasks.resumes INTO task_id, prompt_bytes, resumes FROM tasks
            WHERE lane = p_lane.lane AND status = 'queued' AND wait_reason IS NULL AND id = ANY(ARRAY(
                SELECT id FROM tasks
                WHERE lane = p_lane.lane AND status = 'queued' AND wait_reason IS NULL AND id <> ALL(p_picked)
                ORDER BY created_at, number LIMIT 50
            ))
            ORDER BY created_at, number LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
            v_contended := NOT FOUND;
        END IF;
    END IF;
    UPDATE lanes SET head = v_head, contended_at = CASE WHEN v_contended THEN p_now END WHERE lane = p_lane.lane;
    IF v_head IS NULL OR v_contended THEN
        UPDATE turns SET waiting = false
        WHERE tenant_id = p_lane.tenant_id AND tool = p_lane.tool AND priority = p_lane.priority
            AND NOT EXISTS (
                SELECT FROM lanes
                WHERE lanes.tenant_id = p_lane.tenant_id AND lanes.tool = p_lane.tool
                    AND lanes.priority = p_lane.priority AND head IS NOT NULL AND contended_at IS NULL);
    END IF;
END
$$;

-- take_tasks(lane, head, before, most, bytes, picked, now): locks the first tasks of a lane that are ready, that nobody
-- holds and that are not picked yet, and writes down what it learned about the lane: as many as a claim would take that
-- looked at the lanes anew for each. That is at most so many, while they are older than the task `before` (the head of
-- the next lane, or null), and none once so many `bytes` of the answer are taken, see bytes_in_claim().
-- Answers null when the lane has nothing to take now: it is empty; or its head was a task that is gone and the next one
-- is younger, so that another lane may be first; or others hold its first 50 tasks in open transactions (the lane steps
-- aside: their rollback would tell nobody).
-- Nothing ready in the lane is older than its `oldest`, so a probe begins there: before it lie, until VACUUM comes by,
-- the index entries of what was taken or cancelled (200,000 are 2,000 pages). What comes back with an earlier time says
-- so in the inbox.
-- Only lease_tasks() calls this, under the claim lock. A lane's turn is waiting as long as it has a lane to look at.
CREATE OR REPLACE FUNCTION take_tasks(
    p_lane uuid, p_head bigint, p_before bigint, p_most integer, p_bytes bigint, p_picked uuid [], p_now timestamptz,
    OUT task_ids uuid [], OUT resumes uuid [], OUT taken_bytes bigint
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_ids uuid [];
    v_numbers bigint [];
    v_ages timestamptz [];
    v_bytes bigint [];
    v_tried integer := 1;
    v_oldest timestamptz := (SELECT oldest FROM lanes WHERE lane = p_lane);
    v_head bigint;
    v_contended boolean := false;
    v_lane record;
BEGIN
    SELECT array_agg(id), array_agg(number), array_agg(created_at), array_agg(bytes)
    INTO v_ids, v_numbers, v_ages, v_bytes
    FROM (
        SELECT id, number, created_at, bytes_in_claim(prompt, output_files) AS bytes FROM tasks
        WHERE lane = p_lane AND created_at >= v_oldest AND status = 'queued' AND wait_reason IS NULL
            AND id <> ALL(p_picked)
        ORDER BY created_at, number LIMIT p_most + 1
    ) AS first_ones;
    v_head := v_numbers[1];
    v_oldest := v_ages[1];
    IF v_head <= p_head THEN
        taken_bytes := v_bytes[1];
        WHILE v_tried < least(p_most, cardinality(v_ids)) AND taken_bytes < p_bytes
            AND (p_before IS NULL OR v_numbers[v_tried + 1] < p_before)
        LOOP
            v_tried := v_tried + 1;
            taken_bytes := taken_bytes + v_bytes[v_tried];
        END LOOP;
        -- IS NOT DISTINCT FROM keeps the planner from tasks_ready: a lane may be a million tasks long.
        SELECT array_agg(id ORDER BY array_position(v_ids, id)),
            array_agg(held.resumes ORDER BY array_position(v_ids, id))
        INTO task_ids, resumes
        FROM (
            SELECT id, tasks.resumes FROM tasks
            WHERE id = ANY(v_ids[:v_tried]) AND lane IS NOT DISTINCT FROM p_lane
                AND status IS NOT DISTINCT FROM 'queued' AND wait_reason IS NULL
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS held;
        IF task_ids[1] = v_ids[1] THEN
            v_head := NULL;
            FOR i IN 2 .. cardinality(v_ids) LOOP
                IF v_ids[i] <> ALL(task_ids) THEN
                    v_head := v_numbers[i];
                    v_oldest := v_ages[i];
                    EXIT;
                END IF;
            END LOOP;
        ELSIF task_ids IS NULL THEN
            SELECT ARRAY[id], bytes_in_claim(prompt, output_files), ARRAY[tasks.resumes] INTO task_ids, taken_bytes, resumes
            FROM tasks
            WHERE lane = p_lane AND created_at >= v_oldest AND status = 'queued' AND wait_reason IS NULL
                AND id = ANY(ARRAY(
                    SELECT id FROM tasks
                    WHERE lane = p_lane AND created_at >= v_oldest AND status = 'queued' AND wait_reason IS NULL
                        AND id <> ALL(p_picked)
                    ORDER BY created_at, number LIMIT 50
                ))
            ORDER BY created_at, number LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
            v_contended := NOT FOUND;
        END IF;
    END IF;
    UPDATE lanes SET head = v_head, oldest = coalesce(v_oldest, oldest),
        contended_at = CASE WHEN v_contended THEN p_now END
    WHERE lane = p_lane
    RETURNING tenant_id, tool, priority INTO v_lane;
    IF v_head IS NULL OR v_contended THEN
        UPDATE tenant_turns SET waiting = false
        WHERE tenant_id = v_lane.tenant_id AND tool = v_lane.tool AND priority = v_lane.priority
            AND NOT EXISTS (
                SELECT FROM lanes
                WHERE lanes.tenant_id = v_lane.tenant_id AND lanes.tool = v_lane.tool
                    AND lanes.priority = v_lane.priority AND head IS NOT NULL AND contended_at IS NULL);
    END IF;
END
$$;

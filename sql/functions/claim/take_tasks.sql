-- INTERNAL take_tasks(lane, most, bytes, picked, now): locks the first ready tasks of a lane that nobody holds and
-- that are not picked yet, and writes down what it learned about the lane. It takes as many as a claim would that
-- looked at all lanes anew for each: at most `most`, while they are older than the next lane's head, and no more once
-- `bytes` are taken (see bytes_in_claim()).
--
-- Returns nulls when the lane has nothing to take now: it is empty; or its head was a task that is gone, and the next
-- one is younger, so that another lane may come first; or others hold its first tasks in open transactions (see
-- take_behind_held()). Such a lane is contended and steps aside, since a rollback tells nobody.
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
    v_oldest timestamptz := (SELECT oldest FROM lanes WHERE lane = p_lane.lane);
    v_ready ready_task [];
    v_wanted uuid [];
    v_head bigint;
BEGIN
    contended := false;
    -- One more than may be taken: it becomes the head.
    v_ready := ARRAY(
        SELECT (id, number, created_at, bytes_in_claim(prompt, output_files))::ready_task FROM tasks
        WHERE lane = p_lane.lane AND created_at >= v_oldest AND status = 'queued' AND wait_reason IS NULL
            AND id <> ALL(p_picked)
        ORDER BY created_at, number LIMIT p_most + 1
    );
    v_head := v_ready[1].number;
    v_oldest := v_ready[1].created_at;
    IF v_head <= p_lane.head THEN
        taken_bytes := v_ready[1].bytes;
        v_wanted := ARRAY[v_ready[1].id];
        FOR i IN 2 .. least(p_most, cardinality(v_ready)) LOOP
            EXIT WHEN taken_bytes >= p_bytes OR v_ready[i].number >= p_lane.next_head;
            v_wanted := v_wanted || v_ready[i].id;
            taken_bytes := taken_bytes + v_ready[i].bytes;
        END LOOP;
        -- IS NOT DISTINCT FROM keeps the planner from tasks_ready: a lane may be a million tasks long.
        SELECT array_agg(id ORDER BY array_position(v_wanted, id)),
            array_agg(locked.resumes ORDER BY array_position(v_wanted, id)),
            bool_or(run_id IS NOT NULL OR continues IS NOT NULL)
        INTO task_ids, resumes, has_past
        FROM (
            SELECT id, tasks.resumes, run_id, continues FROM tasks
            WHERE id = ANY(v_wanted) AND lane IS NOT DISTINCT FROM p_lane.lane
                AND status IS NOT DISTINCT FROM 'queued' AND wait_reason IS NULL
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS locked;
        IF task_ids[1] = v_wanted[1] THEN
            v_head := NULL;
            FOR i IN 2 .. cardinality(v_ready) LOOP
                CONTINUE WHEN v_ready[i].id = ANY(task_ids);
                v_head := v_ready[i].number;
                v_oldest := v_ready[i].created_at;
                EXIT;
            END LOOP;
        ELSIF task_ids IS NULL THEN
            SELECT * INTO task_ids, resumes, has_past, taken_bytes
            FROM take_behind_held(p_lane.lane, v_oldest, p_picked);
            contended := task_ids IS NULL;
        END IF;
    END IF;
    UPDATE lanes SET head = v_head, oldest = coalesce(v_oldest, oldest),
        contended_at = CASE WHEN contended THEN p_now END
    WHERE lane = p_lane.lane;
    IF v_head IS NULL OR contended THEN
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

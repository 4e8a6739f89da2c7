-- INTERNAL lock_ready(lane, since, most, bytes, picked): locks the first ready tasks of a lane that nobody holds and
-- that are not picked yet, of those that were created at `since` or later: at most `most`, while they are older than
-- the next lane's head, and no more once `bytes` are taken (see bytes_in_claim()). It locks none if the first one is
-- younger than the lane's head, so that another lane may come first.
-- Returns the tasks, the run with its session of each, whether any of them had a run before, continues
-- one or belongs to a tree, their
-- bytes, and number and time of the first task that is left: null when none is. `are_held` says that others hold all
-- that it wanted. `oldest` is the time of the first task if none is left.
-- Locks: the tasks that it returns. Only take_tasks() and pick_only_lane() call this.
CREATE OR REPLACE FUNCTION lock_ready(
    p_lane candidate_lane, p_since timestamptz, p_most integer, p_bytes bigint, p_picked uuid [],
    OUT task_ids uuid [], OUT resumes uuid [], OUT has_past boolean, OUT taken_bytes bigint,
    OUT head bigint, OUT oldest timestamptz, OUT are_held boolean
)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    WITH ready AS MATERIALIZED (
        SELECT id, number, created_at, bytes, row_number() OVER so_far AS place,
            first_value(number) OVER so_far <= p_lane.head AND row_number() OVER so_far <= p_most
            AND sum(bytes) OVER so_far - bytes < p_bytes
            AND (row_number() OVER so_far = 1 OR coalesce(max(number) OVER so_far < p_lane.next_head, true)) AS wanted
        FROM (
            -- One more than may be taken: it becomes the head.
            SELECT id, number, created_at,
                bytes_in_claim(prompt, output_files, setup_command, check_command, follow_up) AS bytes
            FROM tasks
            WHERE lane = p_lane.lane AND created_at >= p_since AND status = 'queued' AND wait_reason IS NULL
                AND id <> ALL(p_picked)
            ORDER BY created_at, number LIMIT p_most + 1
        ) AS first_tasks
        WINDOW so_far AS (ORDER BY created_at, number ROWS UNBOUNDED PRECEDING)
    ), locked AS MATERIALIZED (
        -- IS NOT DISTINCT FROM keeps the planner from tasks_ready: a lane may be a million tasks long.
        SELECT id, tasks.resumes, num_nonnulls(run_id, continues, tree) > 0 AS has_past FROM tasks
        WHERE id = ANY(ARRAY(SELECT id FROM ready WHERE wanted)) AND lane IS NOT DISTINCT FROM p_lane.lane
            AND status IS NOT DISTINCT FROM 'queued' AND wait_reason IS NULL
        FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT array_agg(id ORDER BY place) FILTER (WHERE locked.has_past IS NOT NULL),
        array_agg(locked.resumes ORDER BY place) FILTER (WHERE locked.has_past IS NOT NULL),
        bool_or(locked.has_past), sum(bytes) FILTER (WHERE wanted),
        (array_agg(number ORDER BY place) FILTER (WHERE locked.has_past IS NULL))[1],
        coalesce(
            (array_agg(created_at ORDER BY place) FILTER (WHERE locked.has_past IS NULL))[1], min(created_at)
        ),
        bool_or(wanted) AND count(locked.has_past) = 0
    INTO task_ids, resumes, has_past, taken_bytes, head, oldest, are_held
    FROM ready LEFT JOIN locked USING (id);
END
$$;

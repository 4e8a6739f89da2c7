-- INTERNAL take_behind_held(lane, oldest, picked): locks the first ready task of a lane that nobody holds, when others
-- hold the first one. Looks at the first c_held tasks, of which none is older than `oldest`, without those that are
-- picked. Returns what take_tasks() returns of it; nulls if others hold all of them.
-- Locks: the task that it returns. Only take_tasks() calls this.
CREATE OR REPLACE FUNCTION take_behind_held(
    p_lane uuid, p_oldest timestamptz, p_picked uuid [], OUT task_ids uuid [], OUT resumes uuid [],
    OUT has_past boolean, OUT bytes bigint
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_held CONSTANT integer := 50;
BEGIN
    SELECT ARRAY[id], ARRAY[tasks.resumes], num_nonnulls(run_id, continues, tree) > 0,
        bytes_in_claim(prompt, output_files, setup_command, check_command, follow_up)
    INTO task_ids, resumes, has_past, bytes
    FROM tasks
    WHERE lane = p_lane AND created_at >= p_oldest AND status = 'queued' AND wait_reason IS NULL
        AND id = ANY(ARRAY(
            SELECT id FROM tasks
            WHERE lane = p_lane AND created_at >= p_oldest AND status = 'queued' AND wait_reason IS NULL
                AND id <> ALL(p_picked)
            ORDER BY created_at, number LIMIT c_held
        ))
    ORDER BY created_at, number LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
END
$$;

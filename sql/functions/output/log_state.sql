-- API log_state(task, run_no): returns which log of a task there is, and whether more may come: that of the given run,
-- or of the last one. run_no is null when there is no run yet. setup_stored and check_stored are null where no such
-- command printed anything. What is stored when this says that the run has ended is
-- all of it, until it is deleted: output_pruned_at.
-- Raises LD404 when there is no such task or run.
CREATE OR REPLACE FUNCTION log_state(p_task text, p_run_no integer DEFAULT NULL)
RETURNS TABLE (
    number bigint, tool text, task_status text, last_run_no integer, run_no integer, run_status text,
    error_message text, stdout_bytes bigint, stdout_stored bigint, stderr_bytes bigint, stderr_stored bigint,
    setup_stored bigint, check_stored bigint, output_pruned_at timestamptz
)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_task tasks;
BEGIN
    SELECT * INTO v_task FROM tasks WHERE id = find_task(p_task);
    RETURN QUERY
    SELECT v_task.number, v_task.tool, v_task.status, v_task.run_no, runs.run_no, runs.status, runs.error_message,
        runs.stdout_bytes, runs.stdout_stored, runs.stderr_bytes, runs.stderr_stored, runs.setup_stored, runs.check_stored,
        CASE WHEN v_task.output_pruned_at >= runs.finished_at THEN v_task.output_pruned_at END
    FROM (SELECT) AS always
    LEFT JOIN task_runs AS runs ON runs.task_id = v_task.id AND runs.run_no = coalesce(p_run_no, v_task.run_no)
    WHERE p_run_no IS NULL OR runs.id IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'task % has no run %', v_task.number, p_run_no
            USING ERRCODE = 'LD404', HINT = format('`llmctl runs %s` shows its runs', v_task.number);
    END IF;
END
$$;

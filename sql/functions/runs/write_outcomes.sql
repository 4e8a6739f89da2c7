-- INTERNAL write_outcomes(dispatcher, reports, run_ids, task_ids): writes what decide_outcomes() returns to the tasks
-- and their runs, and lets settle_groups() apply it to the worker groups. Returns the runs that ended by this.
-- `reports` has each run once. Only end_runs() calls this; its settings make the statement reach tables by keys.
-- Locks: runs; by the status trigger the counters. The caller holds the tasks.
CREATE OR REPLACE FUNCTION write_outcomes(
    p_dispatcher uuid, p_reports jsonb, p_run_ids uuid [], p_task_ids uuid []
) RETURNS uuid []
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_now timestamptz := clock();
    v_finished uuid [];
    v_affects_groups boolean;
BEGIN
    WITH reported AS (
        SELECT * FROM jsonb_to_recordset(p_reports) AS report (
            run_id uuid, error_class text, error_message text, exit_code integer, signal text, pid integer,
            final_text text, session_id text, stdout text, stderr text, output_files jsonb, input_tokens bigint,
            cached_input_tokens bigint, output_tokens bigint, cost_usd numeric, ran_s double precision,
            auth_mode text, denials jsonb
        )
    ), decided AS (
        SELECT * FROM decide_outcomes(p_dispatcher, p_reports, p_run_ids, p_task_ids, v_now)
        JOIN reported USING (run_id)
    ), moved AS (
        UPDATE tasks SET
            status = outcome,
            wait_reason = CASE WHEN outcome = 'queued' THEN decided.wait_reason END,
            next_attempt_at = CASE WHEN outcome = 'queued' AND decided.wait_reason IS NOT NULL
                THEN v_now + make_interval(secs => wait_s) END,
            attempt = failures,
            account = CASE WHEN outcome = 'queued' THEN decided.account ELSE tasks.account END,
            resumes = CASE WHEN outcome = 'queued' THEN session_run END,
            leased_by = NULL,
            started_at = CASE WHEN outcome <> 'queued'
                THEN coalesce(tasks.started_at, v_now - make_interval(secs => ran_s)) END,
            finished_at = CASE WHEN outcome <> 'queued' THEN v_now END,
            session_id = coalesce(decided.session_id, tasks.session_id),
            error_class = CASE outcome WHEN 'canceled' THEN 'canceled' ELSE decided.error_class END,
            error_message = CASE WHEN outcome <> 'succeeded' THEN decided.error_message END,
            result = CASE WHEN outcome = 'succeeded' THEN jsonb_strip_nulls(jsonb_build_object(
                'text', final_text, 'session_id', decided.session_id, 'output_files', decided.output_files,
                'input_tokens', decided.input_tokens, 'output_tokens', decided.output_tokens,
                'cost_usd', decided.cost_usd)) END,
            updated_at = v_now
        FROM decided WHERE tasks.id = decided.task_id AND tasks.id = ANY(p_task_ids)
    ), ended AS (
        UPDATE task_runs SET
            status = CASE WHEN outcome IN ('succeeded', 'canceled') THEN outcome ELSE decided.run_status END,
            finished_at = v_now,
            started_at = coalesce(task_runs.started_at, v_now - make_interval(secs => ran_s)),
            latency_ms = CASE WHEN ran_s IS NOT NULL THEN least(ran_s * 1000, 2147483647)::integer END,
            pid = coalesce(task_runs.pid, decided.pid), exit_code = decided.exit_code, signal = decided.signal,
            error_class = decided.error_class, error_message = decided.error_message,
            session_id = decided.session_id, final_text = decided.final_text,
            stdout_trunc = left(decided.stdout, 10000), stderr = decided.stderr,
            output_files = coalesce(decided.output_files, '[]'), denials = coalesce(decided.denials, '[]'),
            input_tokens = decided.input_tokens, cached_input_tokens = decided.cached_input_tokens,
            output_tokens = decided.output_tokens, cost_usd = decided.cost_usd, auth_mode = decided.auth_mode
        FROM decided WHERE task_runs.id = decided.run_id AND task_runs.id = ANY(p_run_ids)
        RETURNING task_runs.id, decided.affects_group
    )
    SELECT coalesce(array_agg(id), '{}'), bool_or(affects_group) INTO v_finished, v_affects_groups FROM ended;
    IF v_affects_groups THEN
        PERFORM settle_groups(v_finished, p_reports, v_now);
    END IF;
    RETURN v_finished;
END
$$;

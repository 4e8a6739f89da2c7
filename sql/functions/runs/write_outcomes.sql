-- INTERNAL write_outcomes(reports, run_ids, task_ids, now, unapproved, kept_run_ids, …): writes the outcomes of runs to them and
-- to their tasks, those of failures as decide_outcomes() returns them, and notes the runs for fold_tallies(). `reports`
-- has each run once. `unapproved` is what unapproved_outcomes() returned, null for nothing. The last three arrays say how
-- much of their output store_chunks() has kept.
-- A follow-up stays until another one takes its place, the task ends, or its agent asks something.
-- Only the runs of task_ids end, whose rows the caller holds. They are returned, and whether a worker group is affected.
-- The caller has written the accounts: if one were set here, PostgreSQL would compute the lane of each task again.
-- All in one statement, since each statement that updates a table reads all of its CHECKs anew (60 us for tasks).
-- Only end_runs() calls this; its settings make the statement reach tables by keys.
-- Locks: runs; by the status trigger the counters.
CREATE OR REPLACE FUNCTION write_outcomes(
    p_reports jsonb, p_run_ids uuid [], p_task_ids uuid [], p_now timestamptz, p_unapproved jsonb,
    p_kept_run_ids uuid [], p_stdout_kept bigint [], p_stderr_kept bigint [],
    OUT run_ids uuid [], OUT affect_groups boolean
)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    WITH moved AS (
        UPDATE tasks SET
            status = outcome, attempt = coalesce(failures, attempt), resumes = session_run,
            wait_reason = CASE WHEN outcome = 'queued' AND decided.error_class IS NULL THEN 'approval' ELSE waits_for END,
            next_attempt_at = CASE WHEN waits_for IS NOT NULL THEN p_now + make_interval(secs => wait_s) END,
            started_at = CASE WHEN outcome <> 'queued' THEN coalesce(started_at, p_now - ran) END,
            finished_at = CASE WHEN outcome <> 'queued' THEN p_now END, updated_at = p_now, leased_by = NULL,
            session_id = coalesce(decided.session_id, tasks.session_id),
            question = CASE WHEN waits_for = 'question' THEN left(decided.question, 20000) END,
            follow_up = CASE WHEN outcome = 'queued' AND waits_for IS DISTINCT FROM 'question'
                AND decided.error_class IS NOT NULL THEN coalesce(left(decided.follow_up, 20000), tasks.follow_up) END,
            follow_up_told = CASE WHEN tasks.follow_up IS NOT NULL AND decided.follow_up IS NULL
                AND waits_for IS DISTINCT FROM 'question' THEN follow_up_told OR session_run = decided.run_id END,
            setups_failed = CASE WHEN decided.error_class = 'setup_failed' THEN coalesce(setups_failed, 0) + 1 END,
            error_message = CASE WHEN decided.error_class IS NOT NULL THEN decided.error_message END,
            error_class = CASE outcome WHEN 'canceled' THEN outcome ELSE decided.error_class END,
            result = CASE WHEN decided.error_class IS NULL AND outcome <> 'canceled' THEN jsonb_strip_nulls(jsonb_build_object(
                'text', final_text, 'session_id', decided.session_id, 'output_files', decided.output_files,
                'input_tokens', input_tokens, 'output_tokens', output_tokens, 'cost_usd', cost_usd)) END
        FROM (
            SELECT *, CASE WHEN error_class IS NULL THEN coalesce(p_unapproved ->> run_id::text, 'succeeded')
                    ELSE failure END AS outcome,
                make_interval(secs => ran_s) AS ran
            FROM jsonb_to_recordset(p_reports) AS report (
                run_id uuid, error_class text, error_message text, exit_code integer, signal text, pid integer,
                final_text text, session_id text, stdout text, stderr text, output_files jsonb, input_tokens bigint,
                cached_input_tokens bigint, output_tokens bigint, cost_usd numeric, ran_s double precision,
                auth_mode text, denials jsonb, output jsonb, question text, follow_up text
            )
            LEFT JOIN decide_outcomes(p_reports, p_run_ids, p_task_ids, p_now) AS failed USING (run_id)
        ) AS decided
        WHERE tasks.run_id = decided.run_id AND tasks.id = ANY(p_task_ids) RETURNING tool, decided.*
    ), ended AS (
        UPDATE task_runs AS r SET
            status = coalesce(run_status, 'succeeded'), finished_at = p_now, pid = coalesce(r.pid, m.pid),
            started_at = coalesce(r.started_at, p_now - ran), cost_usd = m.cost_usd, auth_mode = m.auth_mode,
            latency_ms = CASE WHEN ran_s IS NOT NULL THEN least(ran_s * 1000, 2147483647)::integer END,
            exit_code = m.exit_code, signal = m.signal, error_class = m.error_class, error_message = m.error_message,
            session_id = m.session_id, final_text = m.final_text, stdout_trunc = left(m.stdout, 10000),
            stderr = m.stderr, output_files = coalesce(m.output_files, '[]'), denials = coalesce(m.denials, '[]'),
            input_tokens = m.input_tokens, cached_input_tokens = m.cached_input_tokens, output_tokens = m.output_tokens,
            last_activity_at = coalesce(p_now - make_interval(secs => (output ->> 'ago_s')::float), last_activity_at),
            activity = coalesce(output ->> 'activity', activity),
            stdout_bytes = coalesce((output ->> 'stdout_bytes')::bigint, stdout_bytes),
            stderr_bytes = coalesce((output ->> 'stderr_bytes')::bigint, stderr_bytes),
            stdout_stored = coalesce(p_stdout_kept[array_position(p_kept_run_ids, r.id)], stdout_stored),
            stderr_stored = coalesce(p_stderr_kept[array_position(p_kept_run_ids, r.id)], stderr_stored)
        FROM moved AS m WHERE r.id = m.run_id AND r.id = ANY(p_run_ids)
        RETURNING r.id, tool, group_name, status, r.error_class, claimed_at, ready_at, r.started_at,
            latency_ms, r.input_tokens, r.cached_input_tokens, r.output_tokens, r.auth_mode, r.cost_usd, affects_group
    ), tallied AS (
        INSERT INTO run_tally_inbox (tool, group_name, status, error_class, queue_wait_s, start_latency_s, duration_s,
            input_tokens, cached_input_tokens, output_tokens, paid_usd, notional_usd)
        SELECT tool, group_name, status, coalesce(error_class, ''), extract(EPOCH FROM claimed_at - ready_at),
            extract(EPOCH FROM started_at - claimed_at), latency_ms / 1000.0, input_tokens, cached_input_tokens,
            output_tokens, CASE WHEN auth_mode IS NULL OR auth_mode = 'key' THEN cost_usd END,
            CASE WHEN auth_mode IN ('token', 'login') THEN cost_usd END
        FROM ended
    )
    SELECT ARRAY(SELECT id FROM ended), EXISTS (
        SELECT FROM ended WHERE cost_usd > 0 OR affects_group
            OR (
                SELECT unproven OR outage_since IS NOT NULL OR throttled_since IS NOT NULL
                FROM worker_groups AS g WHERE g.group_name = ended.group_name
            ))
    INTO run_ids, affect_groups;
END
$$;

-- INTERNAL end_runs(dispatcher, reports, counters_exclusive): ends runs, each exactly once, decides what becomes of
-- their tasks, and returns a verdict for each report: "finished"; "already", when this run was reported before;
-- "stale", when the run is another dispatcher's now or unknown, and nothing was written.
--
-- A report is a JSON object: run_id; error_class (null: succeeded) and error_message; exit_code, signal, pid,
-- final_text, session_id, stdout, stderr, output_files, denials, input_tokens, cached_input_tokens, output_tokens,
-- cost_usd; ran_s (how long the agent ran, null when it never started); retry_after_s (what the service asked for);
-- auth_mode; output (see keep_output(): so nobody sees an end without its last output). Instead of a large answer,
-- which came before in pieces, a report has its length: answer_bytes. Pieces of unfinished files go when the run ends.
--
-- error_classes says what an error does: decide_outcomes() to the task, settle_groups() to the worker group.
-- Back-off: min(300 s, backoff_s * 2^(n - 1)) with full jitter, where n is the number of failed attempts, or of runs so
-- far if the class uses up no attempt.
-- A usage limit parks the task until its account, or another one that may take it, works again.
-- A task that was cut short through no fault of its own (it uses up no attempt) continues its session, if it has one. A
-- task of a group without failover, one that was given a session, and one that an account refused are pinned to that
-- account. The task itself may say which errors are tried again. A cancel that was asked for ends the task as canceled,
-- unless the agent was quicker and succeeded.
-- Every table is reached by keys that are parameters. Otherwise a plan that was made while tasks was empty would read
-- all of it for each report (measured), until autovacuum comes by.
-- Locks: tasks by id; with counters_exclusive the counters lock (exclusive); runs; by the status trigger the counters.
-- The caller holds the dispatcher.
-- Raises LD413 when pieces of an answer are missing, LD400 for an unknown error class or outside READ COMMITTED.
CREATE OR REPLACE FUNCTION end_runs(p_dispatcher uuid, p_reports jsonb, p_counters_exclusive boolean DEFAULT false)
RETURNS TABLE (run_id uuid, verdict text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_unknown text;
    v_run_ids uuid [] := ARRAY(
        SELECT (run #>> '{}')::uuid FROM jsonb_path_query(p_reports, '$[*].run_id') AS run
    );
    v_task_ids uuid [];
    v_outputs jsonb := jsonb_path_query_array(p_reports, '$[*].output');
    v_finished uuid [];
    v_affects_groups boolean;
BEGIN
    IF p_reports @? '$[*].error_class ? (@ != null)' THEN
        SELECT min(class #>> '{}') INTO v_unknown FROM jsonb_path_query(p_reports, '$[*].error_class') AS class
        WHERE class #>> '{}' NOT IN (SELECT name FROM error_classes);
        IF v_unknown IS NOT NULL THEN
            RAISE EXCEPTION 'unknown error class %', quote_literal(v_unknown) USING ERRCODE = 'LD400';
        END IF;
    END IF;
    IF (SELECT count(*) > count(DISTINCT run) FROM unnest(v_run_ids) AS run) THEN
        -- If a run is listed twice, its first report counts.
        SELECT jsonb_agg(report) INTO p_reports
        FROM (
            SELECT DISTINCT ON ((report ->> 'run_id')::uuid) report
            FROM jsonb_array_elements(p_reports) WITH ORDINALITY AS listed (report, position)
            ORDER BY (report ->> 'run_id')::uuid, position
        ) AS first_reports;
    END IF;
    v_task_ids := ARRAY(
        SELECT id FROM tasks
        WHERE id = ANY(ARRAY(SELECT task_id FROM task_runs WHERE task_runs.id = ANY(v_run_ids)))
            AND run_id = ANY(v_run_ids) AND leased_by = p_dispatcher
        ORDER BY id FOR NO KEY UPDATE
    );
    IF p_counters_exclusive THEN
        PERFORM lock_counters(true);
    END IF;
    IF p_reports @? '$[*].answer_bytes' THEN
        p_reports := answers_from_pieces(p_reports, ARRAY(SELECT tasks.run_id FROM tasks WHERE id = ANY(v_task_ids)));
    END IF;
    IF EXISTS (SELECT FROM run_pieces WHERE run_pieces.run_id = ANY(v_run_ids)) THEN
        DELETE FROM run_pieces
        WHERE run_pieces.run_id = ANY(ARRAY(SELECT tasks.run_id FROM tasks WHERE id = ANY(v_task_ids)));
    END IF;
    IF v_outputs <> '[]' THEN
        -- start_runs() locks tasks before it writes to their runs. We hold the tasks, so no run is passed over.
        PERFORM keep_output(p_dispatcher, v_outputs);
    END IF;
    v_now := clock();

    WITH reported AS (
        SELECT * FROM jsonb_to_recordset(p_reports) AS report (
            run_id uuid, error_class text, error_message text, exit_code integer, signal text, pid integer,
            final_text text, session_id text, stdout text, stderr text, output_files jsonb, input_tokens bigint,
            cached_input_tokens bigint, output_tokens bigint, cost_usd numeric, ran_s double precision,
            auth_mode text, denials jsonb
        )
    ), decided AS (
        SELECT * FROM decide_outcomes(p_dispatcher, p_reports, v_run_ids, v_task_ids, v_now) JOIN reported USING (run_id)
    ), moved AS (
        UPDATE tasks SET
            status = outcome,
            wait_reason = CASE WHEN outcome = 'queued' THEN decided.wait_reason END,
            next_attempt_at = CASE
                WHEN outcome = 'queued' AND decided.wait_reason IS NOT NULL
                    THEN v_now + make_interval(secs => wait_s)
            END,
            attempt = failures,
            account = CASE WHEN outcome = 'queued' THEN decided.account ELSE tasks.account END,
            resumes = CASE WHEN outcome = 'queued' THEN session_run END,
            leased_by = NULL,
            started_at = CASE
                WHEN outcome <> 'queued'
                    THEN coalesce(tasks.started_at, v_now - make_interval(secs => ran_s))
            END,
            finished_at = CASE WHEN outcome <> 'queued' THEN v_now END,
            session_id = coalesce(decided.session_id, tasks.session_id),
            error_class = CASE outcome WHEN 'canceled' THEN 'canceled' ELSE decided.error_class END,
            error_message = CASE WHEN outcome <> 'succeeded' THEN decided.error_message END,
            result = CASE WHEN outcome = 'succeeded' THEN jsonb_strip_nulls(jsonb_build_object(
                'text', final_text, 'session_id', decided.session_id, 'output_files', decided.output_files,
                'input_tokens', decided.input_tokens, 'output_tokens', decided.output_tokens,
                'cost_usd', decided.cost_usd)) END,
            updated_at = v_now
        FROM decided WHERE tasks.id = decided.task_id AND tasks.id = ANY(v_task_ids)
    ), ended AS (
        UPDATE task_runs SET
            status = CASE outcome
                WHEN 'succeeded' THEN 'succeeded' WHEN 'canceled' THEN 'canceled' ELSE decided.run_status
            END,
            finished_at = v_now,
            started_at = coalesce(task_runs.started_at, v_now - make_interval(secs => ran_s)),
            latency_ms = CASE WHEN ran_s IS NOT NULL THEN least(ran_s * 1000, 2147483647)::integer END,
            pid = coalesce(task_runs.pid, decided.pid), exit_code = decided.exit_code, signal = decided.signal,
            error_class = decided.error_class, error_message = decided.error_message,
            session_id = decided.session_id, final_text = decided.final_text,
            stdout_trunc = left(decided.stdout, 10000), stderr = decided.stderr,
            output_files = coalesce(decided.output_files, '[]'), denials = coalesce(decided.denials, '[]'),
            input_tokens = decided.input_tokens,
            cached_input_tokens = decided.cached_input_tokens, output_tokens = decided.output_tokens,
            cost_usd = decided.cost_usd, auth_mode = decided.auth_mode
        FROM decided WHERE task_runs.id = decided.run_id AND task_runs.id = ANY(v_run_ids)
        RETURNING task_runs.id, decided.affects_group
    )
    SELECT coalesce(array_agg(id), '{}'), bool_or(affects_group) INTO v_finished, v_affects_groups FROM ended;
    IF v_affects_groups THEN
        PERFORM settle_groups(v_finished, p_reports, v_now);
    END IF;

    RETURN QUERY
    SELECT given.run_id, CASE
        WHEN given.run_id = ANY(v_finished) AND array_position(v_run_ids, given.run_id) = given.position
            THEN 'finished'
        WHEN EXISTS (
            SELECT FROM task_runs WHERE task_runs.id = given.run_id AND task_runs.status <> 'running'
        ) THEN 'already'
        ELSE 'stale'
    END
    FROM unnest(v_run_ids) WITH ORDINALITY AS given (run_id, position);
END
$$;

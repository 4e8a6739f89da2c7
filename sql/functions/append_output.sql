-- append_output(dispatcher, progress, runs, streams, starts, ends, contents): stores what runs printed, for all runs of
-- a dispatcher in one statement.
--
-- progress is an array of {"run_id", "ago_s" (since the last output), "activity" (null: as before), "stdout_bytes",
-- "stderr_bytes" (printed so far), "live"}; every run of the chunks is in it. The other arrays are the chunks, at most
-- one for a run and stream. Answers how much is stored now of each run that is still the dispatcher's: a chunk counts
-- only if it begins there, so a batch whose answer was lost may be sent again in any form. Runs that are being
-- started or finished at the moment are passed over; try them again.
-- Notifies run_output with {"numbers": [...]} of the live runs, once or, above 350 runs, a few times.
-- Locks: dispatchers row, and runs by SKIP LOCKED: it never waits for a task's transition, nor the other way round.
-- Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION append_output(
    p_dispatcher uuid, p_progress jsonb, p_runs uuid [], p_streams text [], p_starts bigint [], p_ends bigint [],
    p_contents bytea []
) RETURNS TABLE (run_id uuid, stdout_stored bigint, stderr_stored bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := clock();
    v_held uuid [];
    v_told bigint [];
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    v_held := ARRAY(
        SELECT id FROM task_runs
        WHERE id IN (SELECT (progress ->> 'run_id')::uuid FROM jsonb_array_elements(p_progress) AS progress)
            AND dispatcher_id = p_dispatcher AND status = 'running'
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    );

    WITH progress AS (
        SELECT * FROM jsonb_to_recordset(p_progress) AS told (
            run_id uuid, ago_s double precision, activity text, stdout_bytes bigint, stderr_bytes bigint, live boolean
        ) WHERE told.run_id = ANY(v_held)
    ), fitting AS (
        SELECT chunk.*
        FROM unnest(p_runs, p_streams, p_starts, p_ends, p_contents)
            AS chunk (run_id, stream, starts_at, ends_at, content)
        JOIN task_runs ON task_runs.id = chunk.run_id
        WHERE chunk.run_id = ANY(v_held) AND chunk.starts_at
            = CASE chunk.stream WHEN 'stdout' THEN task_runs.stdout_stored ELSE task_runs.stderr_stored END
    ), stored AS (
        INSERT INTO run_output (run_id, stream, starts_at, ends_at, at, content)
        SELECT fitting.run_id, fitting.stream, fitting.starts_at, fitting.ends_at,
            v_now - make_interval(secs => progress.ago_s), fitting.content
        FROM fitting JOIN progress USING (run_id)
        ORDER BY fitting.stream DESC
        RETURNING run_output.run_id, run_output.stream, run_output.ends_at
    ), noted AS (
        UPDATE task_runs SET
            last_activity_at = v_now - make_interval(secs => progress.ago_s),
            activity = coalesce(progress.activity, task_runs.activity),
            stdout_bytes = progress.stdout_bytes,
            stderr_bytes = progress.stderr_bytes,
            stdout_stored = coalesce((
                SELECT ends_at FROM stored WHERE stored.run_id = task_runs.id AND stored.stream = 'stdout'
            ), task_runs.stdout_stored),
            stderr_stored = coalesce((
                SELECT ends_at FROM stored WHERE stored.run_id = task_runs.id AND stored.stream = 'stderr'
            ), task_runs.stderr_stored)
        FROM progress WHERE task_runs.id = progress.run_id
        RETURNING task_runs.task_id, progress.live
    )
    SELECT array_agg(tasks.number) INTO v_told FROM noted JOIN tasks ON tasks.id = noted.task_id WHERE noted.live;

    FOR chunk IN 0 .. (coalesce(cardinality(v_told), 0) - 1) / 350 LOOP
        PERFORM pg_notify('run_output', json_build_object(
            'numbers', v_told[chunk * 350 + 1 : chunk * 350 + 350])::text) WHERE v_told IS NOT NULL;
    END LOOP;

    RETURN QUERY
    SELECT task_runs.id, task_runs.stdout_stored, task_runs.stderr_stored FROM task_runs
    WHERE task_runs.id IN (SELECT (progress ->> 'run_id')::uuid FROM jsonb_array_elements(p_progress) AS progress)
        AND task_runs.dispatcher_id = p_dispatcher AND task_runs.status = 'running';
END
$$;

-- keep_output(dispatcher, outputs): stores what runs printed and notes what they do; for append_output() and
-- report_runs(). An output is {"run_id", "ago_s" (since the last output), "activity" (null: as before), "stdout_bytes",
-- "stderr_bytes" (printed so far), "live", "chunks": [{"stream", "starts_at", "ends_at", "content" (base64)}]}.
-- Answers how much is stored now of each run that is still the dispatcher's. A chunk counts only if it begins there, so
-- outputs whose answer was lost may be sent again, cut in any way. A run that another transaction holds is passed over.
-- One run after the other, each by its key: plans over all of them depend on statistics that are always stale here
-- (measured: 2.3 ms a call against 0.4, with 3,000 open runs).
-- Locks: runs, SKIP LOCKED. Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION keep_output(p_dispatcher uuid, p_outputs jsonb)
RETURNS TABLE (run_id uuid, stdout_stored bigint, stderr_stored bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_output record;
    v_chunk record;
    v_run task_runs;
    v_at timestamptz;
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    FOR v_output IN
        SELECT * FROM jsonb_to_recordset(p_outputs) AS output (
            run_id uuid, ago_s double precision, activity text, stdout_bytes bigint, stderr_bytes bigint, chunks jsonb
        )
    LOOP
        SELECT * INTO v_run FROM task_runs WHERE id = v_output.run_id FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN QUERY
            SELECT id, task_runs.stdout_stored, task_runs.stderr_stored FROM task_runs
            WHERE id = v_output.run_id AND dispatcher_id = p_dispatcher AND status = 'running';
            CONTINUE;
        END IF;
        CONTINUE WHEN v_run.dispatcher_id <> p_dispatcher OR v_run.status <> 'running';

        v_at := clock() - make_interval(secs => v_output.ago_s);
        FOR v_chunk IN
            SELECT * FROM jsonb_to_recordset(v_output.chunks) AS chunk (
                stream text, starts_at bigint, ends_at bigint, content text
            )
        LOOP
            CONTINUE WHEN v_chunk.starts_at
                <> CASE v_chunk.stream WHEN 'stdout' THEN v_run.stdout_stored ELSE v_run.stderr_stored END;
            INSERT INTO run_output (run_id, stream, starts_at, ends_at, at, content)
            VALUES (
                v_run.id, v_chunk.stream, v_chunk.starts_at, v_chunk.ends_at, v_at, decode(v_chunk.content, 'base64')
            );
            IF v_chunk.stream = 'stdout' THEN
                v_run.stdout_stored := v_chunk.ends_at;
            ELSE
                v_run.stderr_stored := v_chunk.ends_at;
            END IF;
        END LOOP;

        UPDATE task_runs SET
            last_activity_at = v_at, activity = coalesce(v_output.activity, task_runs.activity),
            stdout_bytes = v_output.stdout_bytes, stderr_bytes = v_output.stderr_bytes,
            stdout_stored = v_run.stdout_stored, stderr_stored = v_run.stderr_stored
        WHERE id = v_run.id;
        run_id := v_run.id;
        stdout_stored := v_run.stdout_stored;
        stderr_stored := v_run.stderr_stored;
        RETURN NEXT;
    END LOOP;
END
$$;

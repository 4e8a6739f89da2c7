-- INTERNAL keep_output(dispatcher, outputs): stores what runs printed and notes what they do, for append_output() and
-- end_runs(). Returns how much is stored now of each run that is still the dispatcher's.
-- An output is {"run_id", "ago_s" (since the last output), "activity" (null: as before), "stdout_bytes", "stderr_bytes"
-- (printed so far), "live", "chunks": [{"stream", "starts_at", "ends_at", "content" (base64)}]}.
-- A chunk counts only if it begins where the stored output of its stream ends. So outputs whose answer was lost may be
-- sent again, cut in any way. A run that another transaction holds is passed over. If a run is listed twice, only its
-- first chunks count.
-- Every table is reached by keys that are parameters, so that no plan reads more of it than these rows, however stale
-- its statistics are.
-- Locks: runs (SKIP LOCKED); the caller holds the dispatcher.
CREATE OR REPLACE FUNCTION keep_output(p_dispatcher uuid, p_outputs jsonb)
RETURNS TABLE (run_id uuid, stdout_stored bigint, stderr_stored bigint)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_run_ids uuid [] := ARRAY(
        SELECT (run #>> '{}')::uuid FROM jsonb_path_query(p_outputs, '$[*].run_id') AS run
    );
    v_output record;
    v_chunk record;
    v_kept uuid [] := '{}';
    v_stdout_stored bigint [] := '{}';
    v_stderr_stored bigint [] := '{}';
    -- The chunks that count.
    v_runs uuid [] := '{}';
    v_ages double precision [] := '{}';
    v_chunks jsonb [] := '{}';
BEGIN
    FOR v_output IN
        SELECT given.*, runs.stdout_stored, runs.stderr_stored
        FROM (
            SELECT DISTINCT ON (output.run_id) output.*
            FROM ROWS FROM (jsonb_to_recordset(p_outputs) AS (run_id uuid, ago_s double precision, chunks jsonb))
                WITH ORDINALITY AS output (run_id, ago_s, chunks, position)
            ORDER BY output.run_id, output.position
        ) AS given
        JOIN task_runs AS runs ON runs.id = given.run_id
        WHERE runs.id = ANY(v_run_ids) AND runs.dispatcher_id = p_dispatcher AND runs.status = 'running'
        FOR NO KEY UPDATE OF runs SKIP LOCKED
    LOOP
        FOR v_chunk IN
            SELECT chunk, chunk ->> 'stream' = 'stdout' AS is_stdout,
                (chunk ->> 'starts_at')::bigint AS starts_at, (chunk ->> 'ends_at')::bigint AS ends_at
            FROM jsonb_array_elements(v_output.chunks) AS chunk
        LOOP
            IF v_chunk.is_stdout AND v_chunk.starts_at = v_output.stdout_stored THEN
                v_output.stdout_stored := v_chunk.ends_at;
            ELSIF NOT v_chunk.is_stdout AND v_chunk.starts_at = v_output.stderr_stored THEN
                v_output.stderr_stored := v_chunk.ends_at;
            ELSE
                CONTINUE;
            END IF;
            v_runs := v_runs || v_output.run_id;
            v_ages := v_ages || v_output.ago_s;
            v_chunks := v_chunks || v_chunk.chunk;
        END LOOP;
        v_kept := v_kept || v_output.run_id;
        v_stdout_stored := v_stdout_stored || v_output.stdout_stored;
        v_stderr_stored := v_stderr_stored || v_output.stderr_stored;
    END LOOP;
    IF v_runs <> '{}' THEN
        INSERT INTO run_output (run_id, stream, starts_at, ends_at, at, content)
        SELECT run, chunk ->> 'stream', (chunk ->> 'starts_at')::bigint, (chunk ->> 'ends_at')::bigint,
            clock() - make_interval(secs => age), decode(chunk ->> 'content', 'base64')
        FROM unnest(v_runs, v_ages, v_chunks) AS counting (run, age, chunk);
    END IF;

    UPDATE task_runs SET
        last_activity_at = clock() - make_interval(secs => output.ago_s),
        activity = coalesce(output.activity, task_runs.activity),
        stdout_bytes = output.stdout_bytes, stderr_bytes = output.stderr_bytes,
        stdout_stored = kept.stdout_stored, stderr_stored = kept.stderr_stored
    FROM unnest(v_kept, v_stdout_stored, v_stderr_stored) AS kept (run_id, stdout_stored, stderr_stored)
    JOIN jsonb_to_recordset(p_outputs) AS output (
        run_id uuid, ago_s double precision, activity text, stdout_bytes bigint, stderr_bytes bigint
    ) USING (run_id)
    WHERE task_runs.id = kept.run_id AND task_runs.id = ANY(v_kept);

    RETURN QUERY
    SELECT id, task_runs.stdout_stored, task_runs.stderr_stored FROM task_runs
    WHERE id = ANY(v_run_ids) AND dispatcher_id = p_dispatcher AND status = 'running'
    ORDER BY array_position(v_run_ids, id);
END
$$;

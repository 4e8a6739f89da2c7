-- INTERNAL keep_output(dispatcher, outputs): stores what runs printed while they run and notes what they do, for
-- append_output(). Returns how much is stored now of each run that is still the dispatcher's.
-- An output is {"run_id", "ago_s" (since the last output), "activity" (null: as before), "stdout_bytes", "stderr_bytes"
-- (printed so far), "live", "chunks": [{"stream", "starts_at", "ends_at", "content" (base64)}]}.
-- store_chunks() says which chunks count.
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
    v_kept record;
BEGIN
    v_kept := store_chunks(p_dispatcher, p_outputs, v_run_ids);
    UPDATE task_runs SET
        last_activity_at = clock() - make_interval(secs => output.ago_s),
        activity = coalesce(output.activity, task_runs.activity),
        stdout_bytes = output.stdout_bytes, stderr_bytes = output.stderr_bytes,
        stdout_stored = kept.stdout_stored, stderr_stored = kept.stderr_stored
    FROM unnest(v_kept.run_ids, v_kept.stdout_stored, v_kept.stderr_stored)
        AS kept (run_id, stdout_stored, stderr_stored)
    JOIN jsonb_to_recordset(p_outputs) AS output (
        run_id uuid, ago_s double precision, activity text, stdout_bytes bigint, stderr_bytes bigint
    ) USING (run_id)
    WHERE task_runs.id = kept.run_id AND task_runs.id = ANY(v_kept.run_ids);

    RETURN QUERY
    SELECT id, task_runs.stdout_stored, task_runs.stderr_stored FROM task_runs
    WHERE id = ANY(v_run_ids) AND dispatcher_id = p_dispatcher AND status = 'running'
    ORDER BY array_position(v_run_ids, id);
END
$$;

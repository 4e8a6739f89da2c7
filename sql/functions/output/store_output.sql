-- API store_output(dispatcher, run, path, …): keeps a file that a run wrote: its content, or where it is stored.
-- Storing the same path again replaces it, so a dispatcher that comes back may repeat itself.
-- Raises LD412 when the run is over or another dispatcher's, LD410 when the dispatcher is closed, LD400 for a bad path.
CREATE OR REPLACE FUNCTION store_output(
    p_dispatcher uuid, p_run uuid, p_path text, p_content bytea, p_storage_url text, p_size_bytes bigint,
    p_sha256 text, p_mode integer
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    IF NOT is_file_name(p_path) THEN
        RAISE EXCEPTION 'output file % is not allowed', quote_literal(p_path) USING ERRCODE = 'LD400';
    END IF;
    INSERT INTO task_files (task_id, run_id, path, is_input, content, storage_url, size_bytes, sha256, mode)
    SELECT runs.task_id, runs.id, p_path, false, p_content, p_storage_url, p_size_bytes, p_sha256, p_mode
    FROM task_runs AS runs JOIN tasks ON tasks.run_id = runs.id
    WHERE runs.id = p_run AND runs.status = 'running' AND tasks.leased_by = p_dispatcher
        AND tasks.id = runs.task_id
    ON CONFLICT (run_id, path) WHERE run_id IS NOT NULL DO UPDATE SET
        content = excluded.content, storage_url = excluded.storage_url, size_bytes = excluded.size_bytes,
        sha256 = excluded.sha256, mode = excluded.mode;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is not this dispatcher''s any more', p_run USING ERRCODE = 'LD412';
    END IF;
END
$$;

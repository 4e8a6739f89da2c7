-- API want_file(dispatcher, run, path, from): asks for an input file of a run that another task left on the disk of another
-- host, from this byte on. Dispatchers hear of it (file_wanted) and one that has the file sends it: send_wanted(). It may be
-- repeated, and what was sent before is forgotten.
-- Locks: dispatchers row; the request; the run. Raises LD410 when the dispatcher is closed, LD412 when the run is over or
-- another dispatcher's, LD404 when there is no such file, and what files_from_others() raises.
CREATE OR REPLACE FUNCTION want_file(p_dispatcher uuid, p_run uuid, p_path text, p_from bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task uuid;
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    DELETE FROM file_requests WHERE run_id = p_run AND path = p_path;
    SELECT task_id INTO v_task FROM task_runs
    WHERE id = p_run AND dispatcher_id = p_dispatcher AND status = 'running' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is not this dispatcher''s any more', p_run USING ERRCODE = 'LD412';
    END IF;
    INSERT INTO file_requests (run_id, path, sha256, size_bytes, storage_url, host, sent, taken)
    SELECT p_run, path, sha256, size_bytes, storage_url, host, p_from, p_from
    FROM files_from_others(v_task) WHERE path = p_path AND storage_url IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no other task left a large file %', quote_literal(p_path) USING ERRCODE = 'LD404';
    END IF;
    -- end_runs() looks for what is on its way by this table.
    INSERT INTO run_pieces (run_id, name, starts_at, content) VALUES (p_run, '/wanted', 0, '') ON CONFLICT DO NOTHING;
    PERFORM note_wait_for_file(p_run, p_path);
    PERFORM pg_notify('file_wanted', '');
END
$$;

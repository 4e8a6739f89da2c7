-- INTERNAL note_wait_for_file(run, path): notes as the activity of a run which host it waits for to send a file, and tells
-- watchers as append_output() does. The caller has locked the run or its request.
CREATE OR REPLACE FUNCTION note_wait_for_file(p_run uuid, p_path text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE task_runs SET activity = format('waits for host %s, which has %s', r.host, p_path)
        || CASE WHEN taken > 0 THEN format(': %s of %s MB', round(taken / 1e6, 1), round(size_bytes / 1e6, 1)) ELSE '' END
    FROM file_requests AS r WHERE r.run_id = p_run AND r.path = p_path AND task_runs.id = p_run AND status = 'running';
    PERFORM pg_notify('run_output', json_build_object('numbers', ARRAY[number])::text)
    FROM task_runs JOIN tasks ON tasks.id = task_id WHERE task_runs.id = p_run;
END
$$;

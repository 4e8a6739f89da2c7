-- API list_files(task): returns the files of a task: those it was given, and those of its last run that wrote any.
-- Raises LD404.
CREATE OR REPLACE FUNCTION list_files(p_task text)
RETURNS TABLE (path text, is_input boolean, size_bytes bigint, sha256 text, mode integer, run_no integer, stored text)
LANGUAGE sql STABLE
AS $$
    SELECT path, is_input, size_bytes, sha256, mode, run_no, coalesce(storage_url, 'database')
    FROM task_files AS f LEFT JOIN task_runs AS r ON r.id = f.run_id
    WHERE f.task_id = find_task(p_task) AND (is_input OR run_no = (
        SELECT max(run_no) FROM task_runs JOIN task_files ON task_files.run_id = task_runs.id
        WHERE task_runs.task_id = f.task_id
    ))
    ORDER BY is_input DESC, path
$$;

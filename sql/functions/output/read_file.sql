-- API read_file(task, path, run_no): returns one file of a task, as the given run wrote it. Without a run, a file that
-- its last run wrote comes before one that it was given. content is null when the file is kept outside of the database,
-- at storage_url. Raises LD404 and lists the files there are.
CREATE OR REPLACE FUNCTION read_file(p_task text, p_path text, p_run_no integer DEFAULT NULL)
RETURNS TABLE (content bytea, storage_url text, size_bytes bigint, sha256 text, mode integer)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT content, storage_url, size_bytes, sha256, mode
    FROM task_files AS f LEFT JOIN task_runs AS r ON r.id = f.run_id
    WHERE f.task_id = find_task(p_task) AND path = p_path
        AND (p_run_no IS NULL OR run_no = p_run_no)
    ORDER BY run_no DESC NULLS LAST LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'task % has no file %', p_task, quote_literal(p_path)
            USING ERRCODE = 'LD404', HINT = coalesce(
                'its files are ' || (SELECT string_agg(path, ', ') FROM list_files(p_task)), 'it has no files');
    END IF;
END
$$;

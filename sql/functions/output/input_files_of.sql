-- API input_files_of(task, most): returns the files to write into the task's work directory before its agent starts: its
-- own, and those that other tasks leave for it. Only the smallest come with their content, up to `most` bytes in all (null:
-- every file); read_input() returns the others in pieces. One with a storage_url is kept outside of the database, on `host`.
-- Raises LD424 when another task did not leave a file that it should have left.
CREATE OR REPLACE FUNCTION input_files_of(p_task uuid, p_most bigint DEFAULT NULL)
RETURNS TABLE (path text, content bytea, mode integer, size_bytes bigint, sha256 text, storage_url text, host text)
LANGUAGE sql STABLE
AS $$
    SELECT path, CASE WHEN p_most IS NULL OR sum(size_bytes) OVER (ORDER BY size_bytes, path) <= p_most
            THEN (SELECT content FROM task_files WHERE id = file) END,
        mode, size_bytes, sha256, storage_url, host
    FROM (
        SELECT path, id AS file, mode, size_bytes, sha256, storage_url, NULL AS host
        FROM task_files WHERE task_id = p_task AND is_input
        UNION ALL
        SELECT path, file, mode, size_bytes, sha256, storage_url, host FROM files_from_others(p_task)
    ) AS files
    ORDER BY path
$$;

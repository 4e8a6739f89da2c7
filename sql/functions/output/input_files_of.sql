-- API input_files_of(task, most): returns the files to write into the task's work directory before its agent starts.
-- Only the smallest come with their content, up to `most` bytes in all (null: every file); read_input() returns the
-- others in pieces.
CREATE OR REPLACE FUNCTION input_files_of(p_task uuid, p_most bigint DEFAULT NULL)
RETURNS TABLE (path text, content bytea, mode integer, size_bytes bigint)
LANGUAGE sql STABLE
AS $$
    SELECT path, CASE WHEN p_most IS NULL OR sum(size_bytes) OVER (ORDER BY size_bytes, path) <= p_most THEN content END,
        mode, size_bytes
    FROM task_files WHERE task_id = p_task AND is_input ORDER BY path
$$;

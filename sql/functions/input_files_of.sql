-- input_files_of(task): the files to lay into the task's work directory before its agent starts.
CREATE OR REPLACE FUNCTION input_files_of(p_task uuid) RETURNS TABLE (path text, content bytea, mode integer)
LANGUAGE sql STABLE
AS $$ SELECT path, content, mode FROM task_files WHERE task_id = p_task AND is_input ORDER BY path $$;

-- task_states(tasks): the status of each task named, for those who wait for them. Raises LD404.
CREATE OR REPLACE FUNCTION task_states(p_tasks text []) RETURNS TABLE (number bigint, status text, error_message text)
LANGUAGE sql STABLE
AS $$
    SELECT number, status, error_message FROM tasks
    WHERE id = ANY(ARRAY(SELECT find_task(task) FROM unnest(p_tasks) AS task)) ORDER BY number
$$;

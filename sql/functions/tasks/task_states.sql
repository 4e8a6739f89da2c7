-- API task_states(tasks): returns the status of each task that is named, and what it waits for if it is queued, for
-- callers that wait for them. Raises LD404.
CREATE OR REPLACE FUNCTION task_states(p_tasks text [])
RETURNS TABLE (number bigint, id uuid, status text, error_message text, wait_reason text)
LANGUAGE sql STABLE
AS $$
    SELECT number, id, status, error_message, wait_reason
    FROM (SELECT DISTINCT find_task(task) AS id FROM unnest(p_tasks) AS task) AS named LEFT JOIN tasks USING (id)
    ORDER BY number
$$;

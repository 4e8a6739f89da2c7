-- INTERNAL task_news_type(old_status, new_status, wait_reason): returns what others are told when a task changes so; null
-- for nothing. That a run ended and the task waits is news if it waits for a person, for a limit or for money.
CREATE OR REPLACE FUNCTION task_news_type(p_old_status text, p_new_status text, p_wait_reason text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN p_new_status IS NOT DISTINCT FROM p_old_status THEN NULL
        WHEN p_new_status = 'running' THEN 'task.started'
        WHEN p_new_status = 'succeeded' THEN 'task.finished'
        WHEN p_new_status IN ('failed', 'canceled') THEN 'task.' || p_new_status
        WHEN p_new_status = 'queued' AND p_old_status IN ('leased', 'running') THEN CASE
            WHEN p_wait_reason IN ('question', 'approval') THEN 'task.' || p_wait_reason
            WHEN p_wait_reason IN ('limit', 'budget') THEN 'task.waiting'
        END
    END
$$;

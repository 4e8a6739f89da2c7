-- INTERNAL why_not_ready(task, now): returns the sentence that says what a queued task waits for before it is ready;
-- null if it is ready. A task whose time has come counts as ready, since the next claim takes it. STABLE, since
-- why_waiting() is; nothing else calls this.
CREATE OR REPLACE FUNCTION why_not_ready(p_task tasks, p_now timestamptz) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF p_task.wait_reason IN ('scheduled', 'retry', 'limit') AND p_task.ready_at <= p_now THEN
        RETURN NULL;
    END IF;
    RETURN CASE p_task.wait_reason
        WHEN 'held' THEN 'held until somebody releases it'
        WHEN 'dependency' THEN 'waits for another task to succeed'
        WHEN 'scheduled' THEN format('scheduled to start in %s', in_words(p_task.ready_at - p_now))
        WHEN 'retry' THEN format('attempt %s of %s in %s, after: %s', p_task.attempt + 1, p_task.max_attempts,
            in_words(p_task.ready_at - p_now), coalesce(p_task.error_message, p_task.error_class))
        WHEN 'limit' THEN format('usage limit of %s, tried again in %s', coalesce(p_task.group_name, 'the account'),
            in_words(p_task.ready_at - p_now))
    END;
END
$$;

-- INTERNAL retry_tasks(tasks): queues those of these tasks that failed or were canceled again, with all their
-- attempts, and makes those that wait for a time ready. The commit that they begin with stays the same: it says what the
-- task was about, and what all of its runs are compared with. The caller has locked them, and knows that their sessions are
-- not busy.
CREATE OR REPLACE FUNCTION retry_tasks(p_ids uuid []) RETURNS void
LANGUAGE sql VOLATILE
SET enable_seqscan = off
AS $$
    UPDATE tasks SET wait_reason = NULL, next_attempt_at = clock(), scheduled_at = NULL, updated_at = clock()
    WHERE id = ANY(p_ids) AND wait_reason IN ('retry', 'limit', 'scheduled');

    UPDATE tasks SET status = 'queued', wait_reason = NULL, attempt = 0, next_attempt_at = clock(),
        scheduled_at = NULL, cancel_requested_at = NULL, error_class = NULL, error_message = NULL,
        started_at = NULL, finished_at = NULL, resumes = NULL, result = NULL, question = NULL, follow_up = NULL,
        follow_up_told = NULL, setups_failed = NULL, updated_at = clock()
    WHERE id = ANY(p_ids) AND status IN ('failed', 'canceled');
$$;

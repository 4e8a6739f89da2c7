-- INTERNAL retry_tasks(tasks): queues those of these tasks that failed or were canceled again, with all their
-- attempts, and makes those that wait for a time ready. The commit that they begin with stays the same: it says what the
-- task was about, and what all of its runs are compared with. A judge waits for its tries again, and so does one that was
-- canceled since none of them had a result. One with needs that are not met waits for them, also where it was given up
-- before; and what was given up because of these tasks is queued again. The caller has locked them, with the tries beside
-- them, knows that their sessions are not busy, and calls settle_tries().
CREATE OR REPLACE FUNCTION retry_tasks(p_ids uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
SET enable_bitmapscan = off
AS $$
DECLARE
    v_again uuid [];
    v_done boolean;
BEGIN
    UPDATE tasks SET wait_reason = NULL, next_attempt_at = clock(), scheduled_at = NULL, updated_at = clock()
    WHERE id = ANY(p_ids) AND wait_reason IN ('retry', 'limit', 'scheduled');

    WITH queued AS (
        UPDATE tasks SET status = 'queued', wait_reason = CASE
                WHEN id = (SELECT judge FROM try_sets WHERE try_sets.id = tasks.try_set)
                    OR EXISTS (SELECT FROM task_dependencies AS d WHERE d.task_id = tasks.id AND d.state IN ('open', 'unmet'))
                    THEN 'dependency'
            END, attempt = 0, next_attempt_at = clock(),
            scheduled_at = NULL, cancel_requested_at = NULL, error_class = NULL, error_message = NULL,
            started_at = NULL, finished_at = NULL, resumes = NULL, result = NULL, question = NULL, follow_up = NULL,
            follow_up_told = NULL, setups_failed = NULL, updated_at = clock()
        WHERE id = ANY(p_ids) AND status IN ('failed', 'canceled') RETURNING id
    )
    SELECT coalesce(array_agg(id), '{}') INTO v_again FROM queued;
    PERFORM reopen_judges(p_ids);
    v_done := settle_needs(v_again);
END
$$;

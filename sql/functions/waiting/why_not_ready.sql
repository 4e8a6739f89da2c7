-- INTERNAL why_not_ready(task, now): returns the sentence that says what a queued task waits for before it is ready;
-- null if it is ready, and `needs others` if it comes after others, see needs_in_words(). A task whose time has come
-- counts as ready, since the next claim takes it. It is one expression, so that the planner inlines it: it then reads the
-- columns that it names, and not the prompt.
CREATE OR REPLACE FUNCTION why_not_ready(p_task tasks, p_now timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN (p_task).wait_reason IN ('scheduled', 'retry', 'limit') AND (p_task).ready_at <= p_now THEN NULL
        WHEN (p_task).wait_reason = 'held' THEN 'held until somebody releases it'
        WHEN (p_task).wait_reason = 'budget' THEN tree_in_words((p_task).tree)
        WHEN (p_task).wait_reason = 'question' THEN format('waits for an answer: %s; `llmctl answer %s TEXT`',
            left(coalesce((p_task).question, ''), 500), (p_task).number)
        WHEN (p_task).wait_reason = 'approval' THEN format('waits for approval of %s: `llmctl approve %s` or `llmctl deny %s`',
            result_to_approve((p_task).run_id), (p_task).number, (p_task).number)
        WHEN (p_task).wait_reason = 'dependency' THEN coalesce(
            'chooses among the tries when these have ended: ' || CASE
                WHEN (p_task).id = (SELECT judge FROM try_sets WHERE id = (p_task).try_set) THEN tries_not_ended((p_task).try_set)
            END, 'needs others')
        WHEN (p_task).wait_reason = 'scheduled'
            THEN format('scheduled to start in %s', in_words((p_task).ready_at - p_now))
        WHEN (p_task).wait_reason = 'retry' AND (p_task).continues IS NOT NULL AND (p_task).error_class IS NULL
            THEN 'waits for a slot at the dispatcher that holds its session'
        WHEN (p_task).wait_reason = 'retry'
            THEN format('attempt %s of %s in %s, after: %s', (p_task).attempt + 1, (p_task).max_attempts,
                in_words((p_task).ready_at - p_now), coalesce((p_task).error_message, (p_task).error_class))
                || CASE WHEN (p_task).error_class = 'throttled' THEN group_is_throttled((p_task).group_name, p_now) ELSE '' END
        WHEN (p_task).wait_reason = 'limit'
            THEN format('usage limit of %s, tried again in %s', what_is_limited((p_task).group_name, (p_task).model, p_now),
                in_words((p_task).ready_at - p_now))
    END
$$;

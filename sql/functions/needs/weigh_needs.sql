-- INTERNAL weigh_needs(tasks): moves those of these tasks whose needs have changed. One that waits and needs nothing more
-- is ready, or waits for its time. One with a need that cannot be met stays (on_unmet hold), fails or is skipped, as it
-- says. One that was given up so is queued again when that need may be met after all. What somebody holds stays held.
-- Since when a task is ready counts from now: before that no slot would have helped it.
-- Returns the tasks that have ended or are queued again: those that need them are to be looked at, see settle_needs().
-- The caller has locked the tasks, in an earlier statement: what others changed before that is seen.
CREATE OR REPLACE FUNCTION weigh_needs(p_ids uuid []) RETURNS uuid []
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_now timestamptz := clock();
    v_turned uuid [];
BEGIN
    WITH weighed AS MATERIALIZED (
        SELECT t.id, t.status AS was, needs.is_open, needs.is_unmet,
            coalesce(t.on_unmet, CASE WHEN needs.only_failures THEN 'skip' ELSE 'hold' END) AS on_unmet
        FROM tasks AS t CROSS JOIN LATERAL (
            SELECT coalesce(bool_or(state IN ('open', 'unmet')), false) AS is_open,
                coalesce(bool_or(state = 'unmet'), false) AS is_unmet, coalesce(bool_and(kind = 'failed'), false) AS only_failures
            FROM task_dependencies WHERE task_id = t.id
        ) AS needs
        WHERE t.id = ANY(p_ids) AND (
            t.wait_reason IN ('dependency', 'held') OR t.status IN ('failed', 'canceled') AND t.error_class IN ('unmet', 'skipped')
        )
    ), decided AS (
        SELECT id, was, is_open, CASE
                WHEN NOT is_unmet THEN 'queued'
                WHEN was = 'queued' AND on_unmet = 'fail' THEN 'failed'
                WHEN was = 'queued' AND on_unmet = 'skip' THEN 'canceled'
                ELSE was
            END AS becomes
        FROM weighed
    ), moved AS (
        UPDATE tasks SET
            status = becomes, updated_at = v_now,
            wait_reason = CASE
                WHEN becomes <> 'queued' THEN NULL
                WHEN wait_reason = 'held' THEN 'held'
                WHEN is_open THEN 'dependency'
                WHEN ready_at > v_now THEN 'scheduled'
            END,
            next_attempt_at = CASE WHEN becomes = 'queued' AND NOT is_open AND ready_at IS NULL THEN v_now ELSE next_attempt_at END,
            finished_at = CASE WHEN becomes <> 'queued' THEN v_now END,
            error_class = CASE becomes WHEN 'failed' THEN 'unmet' WHEN 'canceled' THEN 'skipped' END,
            error_message = CASE WHEN becomes <> 'queued' THEN unmet_in_words(tasks.id) END
        FROM decided
        WHERE tasks.id = decided.id AND tasks.id = ANY(p_ids)
            AND (becomes <> was OR wait_reason = 'dependency' AND NOT is_open)
        RETURNING tasks.id, becomes <> was AS is_turned
    )
    SELECT coalesce(array_agg(id) FILTER (WHERE is_turned), '{}') INTO v_turned FROM moved;
    RETURN v_turned;
END
$$;

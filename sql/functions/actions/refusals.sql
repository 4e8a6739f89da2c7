-- INTERNAL refusals(action, tasks): returns for which of these tasks an action is not allowed in their state, and says
-- so to people. A task that is already as the action would leave it is not refused: an action may be repeated.
CREATE OR REPLACE FUNCTION refusals(p_action text, p_ids uuid []) RETURNS TABLE (
    number bigint, message text, hint text
)
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT t.number, told.message, told.hint
    FROM tasks AS t
    LEFT JOIN LATERAL (
        SELECT min(busy.number) AS number FROM task_runs AS run JOIN busy_sessions() AS busy USING (group_name, session_id)
        WHERE run.id = t.continues AND t.status IN ('failed', 'canceled') AND p_action = 'retry'
    ) AS busy ON true
    CROSS JOIN LATERAL (SELECT t.status IN ('leased', 'running') AS is_active) AS seen
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN p_action = 'cancel' AND t.status IN ('succeeded', 'failed')
                THEN format('task %s has already %s; it cannot be canceled', t.number, t.status)
            WHEN p_action = 'retry' AND busy.number IS NOT NULL THEN format(
                'task %s continues a session in which task %s has not ended', t.number, busy.number)
            WHEN p_action = 'retry' AND t.status NOT IN ('failed', 'canceled')
                AND coalesce(t.wait_reason, '') NOT IN ('retry', 'limit', 'scheduled') THEN format(
                    'task %s is %s; only a task that failed, was canceled or waits can be tried again', t.number,
                    CASE t.wait_reason WHEN 'held' THEN 'held' ELSE t.status END)
            WHEN p_action = 'release' AND t.status = 'queued' AND t.wait_reason IS DISTINCT FROM 'held'
                THEN format('task %s is not held', t.number)
            WHEN p_action IN ('hold', 'release', 'top', 'edit') AND t.status <> 'queued' THEN format(
                'task %s %s: only a queued task can be %s', t.number,
                CASE WHEN is_active THEN 'is ' || t.status WHEN t.status = 'canceled' THEN 'was canceled'
                    ELSE 'has ' || t.status END,
                CASE p_action WHEN 'hold' THEN 'held' WHEN 'release' THEN 'released' WHEN 'edit' THEN 'edited'
                    ELSE 'moved to the top' END)
        END AS message, CASE
            WHEN p_action = 'retry' THEN CASE
                WHEN busy.number IS NOT NULL
                    THEN format('wait for it, or cancel it: `llmctl cancel %s`', busy.number)
                WHEN t.wait_reason = 'held' THEN format('release it: `llmctl release %s`', t.number)
                WHEN t.status = 'succeeded' THEN 'submit it again to run it once more'
                WHEN is_active THEN format('cancel it first: `llmctl cancel %s`', t.number)
                ELSE (SELECT why FROM reasons_to_wait(ARRAY[t.number]))
            END
            WHEN p_action = 'release' AND t.status = 'queued' THEN (SELECT why FROM reasons_to_wait(ARRAY[t.number]))
            WHEN p_action IN ('hold', 'edit') AND is_active
                THEN format('to stop it: `llmctl cancel %s`', t.number)
            WHEN p_action = 'edit' THEN 'submit it again with other settings'
        END AS hint
    ) AS told
    WHERE t.id = ANY(p_ids) AND told.message IS NOT NULL
    ORDER BY t.number
$$;

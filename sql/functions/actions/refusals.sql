-- INTERNAL refusals(action, tasks): returns for which of these tasks an action is not allowed in their state, and says
-- so to people. A task that is already as the action would leave it is not refused: an action may be repeated.
-- Cost: that of the tasks; why those wait that have to is looked up once for all, see reasons_to_wait().
CREATE OR REPLACE FUNCTION refusals(p_action text, p_ids uuid []) RETURNS TABLE (
    number bigint, message text, hint text
)
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    WITH refused AS MATERIALIZED (
        SELECT t.number, told.message, t.status, t.wait_reason, busy.number AS busy_number, is_active
        FROM tasks AS t
        LEFT JOIN LATERAL (
            SELECT min(busy.number) AS number
            FROM task_runs AS run JOIN busy_sessions() AS busy USING (group_name, session_id)
            WHERE run.id = t.continues AND t.status IN ('failed', 'canceled') AND p_action = 'retry'
        ) AS busy ON true
        CROSS JOIN LATERAL (
            SELECT t.status IN ('leased', 'running') AS is_active, CASE
                    WHEN t.wait_reason = 'held' THEN 'is held'
                    WHEN t.wait_reason = 'question' THEN 'waits for an answer'
                    WHEN t.wait_reason = 'approval' THEN 'waits for approval'
                    WHEN t.wait_reason = 'budget' THEN 'waits for the budget of its tree'
                    WHEN t.wait_reason = 'dependency' THEN 'waits for other tasks'
                    WHEN t.status = 'canceled' THEN 'was canceled'
                    WHEN t.status IN ('succeeded', 'failed') THEN 'has ' || t.status
                    ELSE 'is ' || state_word(t.status)
                END AS how_it_is
        ) AS seen
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN p_action = 'cancel' AND t.status IN ('succeeded', 'failed')
                    THEN format('task %s has already %s; it cannot be canceled', t.number, t.status)
                WHEN p_action = 'retry' AND busy.number IS NOT NULL THEN format(
                    'task %s continues a session in which task %s has not ended', t.number, busy.number)
                WHEN p_action = 'retry' AND t.status NOT IN ('failed', 'canceled')
                    AND coalesce(t.wait_reason, '') NOT IN ('retry', 'limit', 'scheduled') THEN format(
                        'task %s %s; only a task that failed, was canceled or waits for a time can be tried again',
                        t.number, how_it_is)
                WHEN p_action = 'release' AND t.status = 'queued' AND t.wait_reason IS DISTINCT FROM 'held'
                    AND NOT waits_for_needs(t.id, t.wait_reason) THEN format('task %s is not held', t.number)
                WHEN p_action = 'answer' AND t.wait_reason IS DISTINCT FROM 'question' THEN format(
                    'task %s %s: only a task that waits for an answer can be answered', t.number, how_it_is)
                WHEN p_action IN ('approve', 'deny') AND t.wait_reason IS DISTINCT FROM 'approval'
                    AND NOT (p_action = 'approve' AND t.status = 'succeeded')
                    AND NOT (p_action = 'deny' AND t.error_class IS NOT DISTINCT FROM 'denied') THEN format(
                        'task %s %s: only a task that waits for approval can be %s', t.number, how_it_is,
                        CASE p_action WHEN 'deny' THEN 'denied' ELSE 'approved' END)
                WHEN p_action = 'hold' AND (t.wait_reason IN ('question', 'approval', 'budget')
                        OR t.wait_reason = 'dependency' AND NOT waits_for_needs(t.id, t.wait_reason))
                    OR p_action IN ('top', 'edit') AND t.wait_reason = 'approval' THEN format(
                        'task %s %s, and cannot be %s', t.number,
                        CASE t.wait_reason WHEN 'dependency' THEN 'chooses among tries that have not all ended' ELSE how_it_is END,
                        CASE p_action WHEN 'hold' THEN 'held' WHEN 'edit' THEN 'edited' ELSE 'moved to the top' END)
                WHEN p_action IN ('hold', 'release', 'top', 'edit') AND t.status <> 'queued' THEN format(
                    'task %s %s: only a queued task can be %s', t.number, how_it_is,
                    CASE p_action WHEN 'hold' THEN 'held' WHEN 'release' THEN 'released' WHEN 'edit' THEN 'edited'
                        ELSE 'moved to the top' END)
            END AS message
        ) AS told
        WHERE t.id = ANY(p_ids) AND told.message IS NOT NULL
    )
    SELECT refused.number, refused.message, CASE
            WHEN p_action = 'retry' THEN CASE
                WHEN busy_number IS NOT NULL THEN format('wait for it, or cancel it: `llmctl cancel %s`', busy_number)
                WHEN wait_reason IN ('held', 'dependency') THEN format('release it: `llmctl release %s`', refused.number)
                WHEN status = 'succeeded' THEN 'submit it again to run it once more'
                WHEN is_active THEN format('cancel it first: `llmctl cancel %s`', refused.number)
                ELSE why
            END
            WHEN p_action IN ('release', 'hold', 'top', 'edit', 'answer', 'approve', 'deny') AND status = 'queued' THEN why
            WHEN p_action = 'answer' AND status IN ('succeeded', 'failed')
                THEN format('to tell it more: `llmctl reply %s PROMPT`', refused.number)
            WHEN p_action = 'approve' AND status IN ('failed', 'canceled')
                THEN format('to run it again: `llmctl retry %s`', refused.number)
            WHEN p_action IN ('hold', 'edit') AND is_active THEN format('to stop it: `llmctl cancel %s`', refused.number)
            WHEN p_action = 'edit' AND status IN ('failed', 'canceled')
                THEN format('to change it and run it again: `llmctl retry %s --edit`', refused.number)
            WHEN p_action = 'edit' THEN 'submit it again with other settings'
        END
    FROM refused LEFT JOIN reasons_to_wait(ARRAY(
        SELECT refused.number FROM refused WHERE status = 'queued'
    )) AS reasons USING (number)
    ORDER BY refused.number
$$;

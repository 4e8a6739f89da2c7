-- INTERNAL allowed_actions(numbers): returns what this session may do with each of these tasks now: answer,
-- approve, deny, cancel, retry, reply, hold, release, top, edit. The functions that do it agree with it. What would change nothing is not offered,
-- such as to cancel a task that stops already.
-- Cost: the sessions in which a task waits or runs are looked up once; of a task that has ended, its last run.
CREATE OR REPLACE FUNCTION allowed_actions(p_numbers bigint []) RETURNS TABLE (number bigint, actions text [])
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    WITH busy AS MATERIALIZED (
        SELECT DISTINCT group_name, session_id FROM busy_sessions()
    )
    SELECT t.number, ARRAY(
            SELECT action FROM unnest(may) WITH ORDINALITY AS verbs (action, position)
            WHERE CASE action
                WHEN 'answer' THEN t.wait_reason IS NOT DISTINCT FROM 'question'
                WHEN 'approve' THEN t.wait_reason IS NOT DISTINCT FROM 'approval'
                WHEN 'deny' THEN t.wait_reason IS NOT DISTINCT FROM 'approval'
                WHEN 'cancel' THEN t.status = 'queued'
                    OR t.status IN ('leased', 'running') AND t.cancel_requested_at IS NULL
                WHEN 'retry' THEN t.wait_reason IN ('retry', 'limit', 'scheduled')
                    OR t.status IN ('failed', 'canceled') AND (t.continues IS NULL OR NOT EXISTS (
                        SELECT FROM task_runs JOIN busy USING (group_name, session_id) WHERE task_runs.id = t.continues
                    ))
                WHEN 'reply' THEN t.status IN ('succeeded', 'failed', 'canceled') AND EXISTS (
                    SELECT FROM last_session(t.id) AS run JOIN worker_groups USING (group_name)
                    WHERE NOT EXISTS (
                        SELECT FROM busy WHERE busy.group_name = run.group_name AND busy.session_id = run.session_id
                    )
                )
                WHEN 'hold' THEN t.status = 'queued' AND (
                    coalesce(t.wait_reason, 'retry') IN ('retry', 'limit', 'scheduled') OR waits_for_needs(t.id, t.wait_reason)
                )
                WHEN 'release' THEN t.wait_reason IS NOT DISTINCT FROM 'held' OR waits_for_needs(t.id, t.wait_reason)
                WHEN 'top' THEN t.status = 'queued' AND t.priority < 10 AND t.wait_reason IS DISTINCT FROM 'approval'
                WHEN 'edit' THEN t.status = 'queued' AND t.wait_reason IS DISTINCT FROM 'approval'
            END
            ORDER BY position
        )
    FROM session_actions() AS may CROSS JOIN tasks AS t
    WHERE t.number = ANY(p_numbers)
$$;

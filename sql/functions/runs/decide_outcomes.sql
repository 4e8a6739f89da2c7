-- INTERNAL decide_outcomes(dispatcher, reports, run_ids, task_ids, now): returns what becomes of the tasks whose runs
-- have ended: the outcome, which is the status of the task from now on; for a task that is queued again, its wait, and
-- the account and the session (session_run) that it stays with. `reports` has each run once. end_runs() says by which
-- rules. Only write_outcomes() calls this.
CREATE OR REPLACE FUNCTION decide_outcomes(
    p_dispatcher uuid, p_reports jsonb, p_run_ids uuid [], p_task_ids uuid [], p_now timestamptz
) RETURNS TABLE (
    run_id uuid, task_id uuid, outcome text, failures integer, wait_reason text, wait_s double precision, account text,
    session_run uuid, run_status text, affects_group boolean
)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT reported.run_id, tasks.id,
        CASE
            WHEN reported.error_class IS NULL THEN 'succeeded'
            WHEN tasks.cancel_requested_at IS NOT NULL OR reported.error_class = 'canceled' THEN 'canceled'
            WHEN NOT policy.uses_attempt AND policy.retried THEN 'queued'
            WHEN in_vain THEN 'queued'
            WHEN policy.uses_attempt AND coalesce(policy.name = ANY(tasks.retry_on), policy.retried)
                AND tasks.attempt + 1 < tasks.max_attempts THEN 'queued'
            ELSE 'failed'
        END,
        tasks.attempt + coalesce((policy.uses_attempt AND NOT in_vain)::integer, 0),
        CASE WHEN policy.uses_attempt OR policy.wait_reason = 'retry' THEN 'retry'
            WHEN coalesce(elsewhere.wait_s > 0, true) THEN policy.wait_reason
        END,
        CASE coalesce(policy.wait_reason, 'retry')
            -- A little later than the reset, since the service has another clock.
            WHEN 'limit' THEN least(elsewhere.wait_s, limit_wait(asked_wait_s, is_probe(g, runs.claimed_at))
                + random() * 5)
            WHEN 'retry' THEN coalesce(asked_wait_s, random() * least(300, tasks.backoff_s
                * 2 ^ least(30, CASE WHEN uses_attempt THEN tasks.attempt ELSE tasks.run_no - 1 END)))
        END,
        CASE WHEN coalesce(g.failover, true) AND policy.name IS DISTINCT FROM 'auth' AND tasks.asked_session IS NULL
            THEN tasks.account ELSE g.account_name
        END,
        CASE WHEN NOT (policy.uses_attempt OR in_vain) THEN
            CASE WHEN reported.session_id IS NULL THEN tasks.resumes ELSE reported.run_id END
        END,
        policy.run_status,
        policy.group_action IS NOT NULL OR reported.cost_usd > 0 OR coalesce(g.unproven, false)
    FROM (
        SELECT report.*, bounded_wait(retry_after_s) AS asked_wait_s
        FROM jsonb_to_recordset(p_reports) AS report (
            run_id uuid, error_class text, session_id text, cost_usd numeric, retry_after_s double precision
        )
    ) AS reported
    JOIN tasks ON tasks.run_id = reported.run_id JOIN task_runs AS runs ON runs.id = tasks.run_id
    LEFT JOIN worker_groups AS g ON g.group_name = tasks.group_name
    LEFT JOIN error_classes AS policy ON policy.name = reported.error_class
    -- That a session which was cut short cannot continue is no fault of the task: it starts over.
    CROSS JOIN LATERAL (
        SELECT tasks.resumes IS NOT NULL
            AND coalesce(policy.name IN ('invalid_request', 'context_too_long'), false) AS in_vain
    ) AS session
    -- How long until another account may take the task.
    CROSS JOIN LATERAL (
        SELECT min(extract(EPOCH FROM greatest(
            other.cooldown_until,
            CASE WHEN spent_today(other, p_now) >= other.daily_budget_usd THEN next_day(p_now) END,
            p_now) - p_now)) AS wait_s
        FROM worker_groups AS other
        WHERE policy.wait_reason = 'limit' AND tasks.account IS NULL AND tasks.asked_session IS NULL AND g.failover
            AND other.tool = tasks.tool AND other.group_name <> g.group_name AND other.max_concurrent > 0
            AND NOT other.paused
    ) AS elsewhere
    WHERE tasks.id = ANY(p_task_ids) AND tasks.leased_by = p_dispatcher AND tasks.status IN ('leased', 'running')
        AND runs.id = ANY(p_run_ids) AND runs.status = 'running';
END
$$;

-- INTERNAL decide_outcomes(reports, run_ids, task_ids, now): returns what becomes of the tasks whose runs have failed:
-- the outcome (failure), which is the status of the task from now on; for a task that is queued again, what it waits
-- for and how long, the run whose session it continues (session_run), and the account that it is pinned to from now on,
-- if that is another one. A run without an error has succeeded, so of it nothing is returned. `reports` has each run
-- once. end_runs() says by which rules. Only end_runs() and write_outcomes() call this.
CREATE OR REPLACE FUNCTION decide_outcomes(
    p_reports jsonb, p_run_ids uuid [], p_task_ids uuid [], p_now timestamptz
) RETURNS TABLE (
    run_id uuid, failure text, failures integer, waits_for text, wait_s double precision, new_account text,
    session_run uuid, run_status text, affects_group boolean
)
LANGUAGE plpgsql VOLATILE ROWS 1
AS $$
#variable_conflict use_column
BEGIN
    IF NOT p_reports @? '$[*].error_class ? (@ != null)' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT reported.run_id, outcome.status, tasks.attempt + (attempts.is_used AND NOT in_vain)::integer,
        CASE WHEN outcome.status <> 'queued' THEN NULL
            WHEN policy.uses_attempt AND NOT policy.goes_on OR policy.wait_reason = 'retry' THEN 'retry'
            WHEN coalesce(elsewhere.wait_s > 0, true) THEN policy.wait_reason
        END,
        CASE coalesce(policy.wait_reason, 'retry')
            -- A little later than the reset, since the service has another clock.
            WHEN 'limit' THEN least(elsewhere.wait_s, limit_wait(asked_wait_s, is_probe(g, runs.claimed_at))
                + random() * 5)
            WHEN 'retry' THEN CASE
                WHEN policy.uses_attempt THEN greatest(asked_wait_s, back_off(tasks.backoff_s, tasks.attempt))
                WHEN policy.group_action = 'back off'
                    THEN greatest(asked_wait_s, back_off(tasks.backoff_s, tasks.run_no - 1))
                ELSE greatest(
                    coalesce(asked_wait_s, back_off(tasks.backoff_s, tasks.run_no - 1)),
                    CASE WHEN policy.group_action = 'count' AND is_throttled(g, p_now) THEN back_off(300, 0) END)
            END
        END,
        CASE WHEN outcome.status = 'queued'
            AND (NOT g.failover OR policy.name = 'auth' OR tasks.asked_session IS NOT NULL)
            THEN nullif(g.account_name, tasks.account) END,
        CASE WHEN outcome.status = 'queued' AND (NOT attempts.is_used OR policy.goes_on) AND NOT in_vain THEN
            CASE WHEN reported.session_id IS NULL THEN tasks.resumes ELSE reported.run_id END
        END,
        CASE outcome.status WHEN 'canceled' THEN 'canceled' ELSE policy.run_status END, policy.group_action IS NOT NULL
    FROM (
        SELECT report.*, bounded_wait(retry_after_s) AS asked_wait_s
        FROM jsonb_to_recordset(p_reports) AS report (
            run_id uuid, error_class text, session_id text, retry_after_s double precision
        )
    ) AS reported
    JOIN tasks ON tasks.run_id = reported.run_id JOIN task_runs AS runs ON runs.id = tasks.run_id
    LEFT JOIN worker_groups AS g ON g.group_name = tasks.group_name
    JOIN error_classes AS policy ON policy.name = reported.error_class
    -- That a session which was cut short cannot continue is no fault of the task: it starts over.
    CROSS JOIN LATERAL (
        SELECT tasks.resumes IS NOT NULL AND policy.name IN ('invalid_request', 'context_too_long') AS in_vain
    ) AS session
    -- An outage of the service is no fault of the task either, for an hour.
    CROSS JOIN LATERAL (
        SELECT policy.uses_attempt OR CASE WHEN policy.group_action = 'back off'
            THEN is_outlasted(g, tasks.id, tasks.run_no, p_now) ELSE false END AS is_used
    ) AS attempts
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN tasks.cancel_requested_at IS NOT NULL OR policy.name = 'canceled' THEN 'canceled'
            WHEN policy.name = 'setup_failed' AND coalesce(tasks.setups_failed, 0) + 1 >= tasks.max_attempts THEN 'failed'
            WHEN in_vain OR NOT attempts.is_used AND policy.retried THEN 'queued'
            WHEN attempts.is_used AND coalesce(policy.name = ANY(tasks.retry_on), policy.retried)
                AND tasks.attempt + 1 < tasks.max_attempts THEN 'queued'
            ELSE 'failed'
        END AS status
    ) AS outcome
    -- How long until another account may take the task.
    CROSS JOIN LATERAL (
        SELECT min(extract(EPOCH FROM greatest(
            other.cooldown_until,
            CASE WHEN other.models_cool_until > p_now THEN (
                SELECT cools_until FROM model_cooldowns AS c
                WHERE c.group_name = other.group_name AND c.model = coalesce(tasks.model, '')
            ) END,
            CASE WHEN spent_today(other, p_now) >= other.daily_budget_usd THEN next_day(p_now) END,
            p_now) - p_now)) AS wait_s
        FROM worker_groups AS other
        WHERE policy.wait_reason = 'limit' AND tasks.account IS NULL AND tasks.asked_session IS NULL AND g.failover
            AND other.tool = tasks.tool AND other.group_name <> g.group_name AND other.max_concurrent > 0
            AND NOT other.paused
    ) AS elsewhere
    WHERE tasks.id = ANY(p_task_ids) AND runs.id = ANY(p_run_ids) AND reported.error_class IS NOT NULL;
END
$$;

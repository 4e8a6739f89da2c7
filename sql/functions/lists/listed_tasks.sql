-- INTERNAL listed_tasks(numbers): returns these tasks in this order, with what list_tasks() and list_page() show of
-- each.
CREATE OR REPLACE FUNCTION listed_tasks(p_numbers bigint [])
RETURNS TABLE (
    number bigint, id uuid, status text, wait_reason text, why text, waits_s double precision, tool text,
    account text, model text, group_name text, tenant_id text, queue text, priority smallint, name text, labels jsonb,
    attempt integer, failures integer, max_attempts integer, age_s double precision, elapsed_s double precision,
    tokens bigint, cost_usd numeric, permission text, created_at timestamptz, started_at timestamptz,
    finished_at timestamptz, error_class text, error_message text, activity text, silent_s double precision,
    actions text [], check_verdict text, changed_files integer, insertions bigint, deletions bigint,
    proven boolean, workflow text, title text
)
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    WITH seen AS MATERIALIZED (
        SELECT clock() AS now, tools_short_of_budget() AS short, spent_workflows() AS spent,
            ARRAY(SELECT name FROM tools WHERE NOT is_proven) AS unproven
    )
    SELECT t.number, t.id, t.status, waits_for.reason, reasons.why,
        extract(EPOCH FROM CASE
            WHEN waits_for.reason IN ('scheduled', 'retry', 'limit') THEN t.ready_at - now
            WHEN waits_for.until_tomorrow THEN next_day(now) - now
        END)::double precision,
        t.tool, t.account, t.model, t.group_name, t.tenant_id, t.queue, t.priority, t.name, t.labels,
        attempt_of(t.status, t.attempt, t.max_attempts), t.attempt, t.max_attempts,
        extract(EPOCH FROM now - t.created_at)::double precision,
        extract(EPOCH FROM coalesce(t.finished_at, now) - t.started_at)::double precision,
        taken.tokens, taken.cost_usd, t.permission, t.created_at, t.started_at, t.finished_at, t.error_class,
        t.error_message, run.activity,
        extract(EPOCH FROM now - coalesce(run.last_activity_at, run.started_at))::double precision, may.actions,
        checked.verdict, change.files, change.insertions, change.deletions,
        CASE WHEN t.status = 'succeeded' THEN t.tool <> ALL(unproven) OR coalesce(checked.verdict = 'passed', false) END,
        t.workflow, t.title
    FROM seen
    CROSS JOIN unnest(p_numbers) WITH ORDINALITY AS asked (number, position)
    JOIN tasks AS t USING (number)
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN is_ready AND (is_short OR t.workflow = ANY(spent)) THEN 'budget'
            ELSE t.wait_reason
        END AS reason, is_ready AND is_short AND (t.workflow = ANY(spent)) IS NOT TRUE AS until_tomorrow
        FROM (
            SELECT t.status = 'queued' AND t.wait_reason IS NULL AS is_ready,
                t.tool || chr(31) || coalesce(t.account, '') = ANY(short) AS is_short
        ) AS known
    ) AS waits_for
    CROSS JOIN LATERAL (
        SELECT sum(tokens_used)::bigint AS tokens, sum(cost_usd) AS cost_usd FROM task_runs
        WHERE task_id = CASE WHEN t.run_no > 0 THEN t.id END
    ) AS taken
    LEFT JOIN task_runs AS run ON run.id = t.run_id AND t.status IN ('leased', 'running')
    -- Nothing is read for null: so these cost a task nothing that names neither repository nor check, and what it spent
    -- costs one without runs nothing.
    LEFT JOIN run_changes AS change ON change.run_id = CASE WHEN t.repository IS NOT NULL THEN t.run_id END
        AND change.ref IS NOT NULL
    LEFT JOIN LATERAL (
        -- LIMIT keeps the planner from a hash of all checks.
        SELECT verdict FROM run_commands
        WHERE kind = 'check'
            AND run_id = CASE WHEN coalesce(t.repository, t.check_command) IS NOT NULL THEN t.run_id END
        LIMIT 1
    ) AS checked ON true
    LEFT JOIN reasons_to_wait(p_numbers) AS reasons USING (number)
    LEFT JOIN allowed_actions(p_numbers) AS may USING (number)
    ORDER BY position
$$;

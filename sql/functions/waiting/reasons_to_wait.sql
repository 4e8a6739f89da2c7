-- INTERNAL reasons_to_wait(numbers): returns for each of these tasks that is queued the one sentence that says why it
-- does not run. What stops everything comes first, then what stops its tool, then the limits that count it, then its
-- place. It is STABLE, so that it sees everything at one moment. Otherwise a task that starts meanwhile would seem to
-- wait for the slot that it has.
-- Cost: what tasks have in common is looked up once: the groups of a tool, the limits, the first 1,000 of a lane, and the
-- trees that they come after.
-- The time is looked up once, too: for each task anew, each would have groups of its own.
-- The planner takes any list of tasks for a few, so nested loops are off: of 2,000 tasks they took 2 s, of 4,000 8 s.
CREATE OR REPLACE FUNCTION reasons_to_wait(p_numbers bigint []) RETURNS TABLE (number bigint, why text)
LANGUAGE sql STABLE
SET enable_seqscan = off
SET enable_nestloop = off
AS $$
    WITH clocks AS MATERIALIZED (
        SELECT clock() AS now
    ), waiting AS MATERIALIZED (
        SELECT t.number, t.created_at, t.wait_reason IS NULL AS is_ready, t.lane, t.tool, t.account, t.model,
            t.tenant_id, t.queue, t.workflow, coalesce(
                CASE WHEN t.continues IS NOT NULL AND coalesce(t.wait_reason, 'retry') = 'retry'
                    THEN why_session_waits(t.continues, now) END,
                why_not_ready(t, now)) AS not_ready, now, t.id
        FROM clocks CROSS JOIN tasks AS t
        WHERE t.number = ANY(p_numbers) AND t.status = 'queued'
    ), ready AS MATERIALIZED (
        SELECT waiting.*, no_dispatcher(now) AS alone, heard_late(now) AS late FROM waiting WHERE not_ready IS NULL
    ), groups AS MATERIALIZED (
        SELECT tool, account, model, problems.any_open, problems.problems
        FROM (SELECT DISTINCT tool, account, model, now FROM ready) AS asked,
            group_problems(tool, account, model, now) AS problems
    ), lanes_of_these AS MATERIALIZED (
        SELECT lane, (
            SELECT string_agg(limit_in_words(l), '; ' ORDER BY scope) FROM concurrency_limits AS l
            WHERE scope = ANY(limit_scopes(tool, model, tenant_id, queue, workflow)) AND current_concurrent >= slots
        ) AS full_limits
        FROM (SELECT DISTINCT lane, tool, model, tenant_id, queue, workflow FROM ready) AS asked
    ), in_line AS (
        SELECT lane, first.created_at, first.number, true AS counts
        FROM lanes_of_these AS asked CROSS JOIN LATERAL (
            SELECT tasks.created_at, tasks.number FROM tasks
            WHERE tasks.lane = asked.lane AND status = 'queued' AND wait_reason IS NULL
            ORDER BY tasks.created_at, tasks.number LIMIT 1000
        ) AS first
        UNION SELECT lane, created_at, number, is_ready FROM ready
    ), places AS (
        SELECT in_line.number, least(count(*) FILTER (WHERE counts) OVER (
                PARTITION BY lane ORDER BY created_at, in_line.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 1000) AS ahead
        FROM in_line
    )
    SELECT waiting.number, waiting.not_ready FROM waiting WHERE waiting.not_ready <> 'needs others'
    UNION ALL
    SELECT waiting.number, coalesce(
            needs.words, format('waits for a task that is not there any more: `llmctl release %s`', waiting.number))
    FROM waiting
    LEFT JOIN needs_in_words(ARRAY(SELECT id FROM waiting WHERE waiting.not_ready = 'needs others')) AS needs
        ON needs.task_id = waiting.id
    WHERE waiting.not_ready = 'needs others'
    UNION ALL
    SELECT ready.number, CASE
            WHEN alone IS NOT NULL THEN alone
            WHEN any_open IS NULL THEN format('no worker group serves %s%s: add one with `llmctl group add`',
                ready.tool, coalesce(' with account ' || ready.account, ''))
            WHEN NOT any_open OR full_limits IS NOT NULL
                THEN concat_ws('; ', CASE WHEN NOT any_open THEN problems END, full_limits)
            WHEN ahead = 0 AND EXISTS (SELECT FROM lanes WHERE lanes.lane = ready.lane AND contended_at IS NOT NULL)
                THEN 'somebody''s open transaction holds it: `dispatcher check` names those that are old'
            WHEN ahead = 0 THEN concat_ws('; ', late, 'about to start' || CASE WHEN late <> '' THEN ' if it is alive' ELSE '' END)
            WHEN ahead = 1000 THEN concat_ws('; ', 'waits for its turn: 1,000 or more like it are ahead', late)
            ELSE concat_ws('; ', format('waits for its turn: %s like it ahead', ahead), late)
        END
    FROM ready JOIN lanes_of_these USING (lane) JOIN places USING (number)
    LEFT JOIN groups ON groups.tool = ready.tool AND groups.account IS NOT DISTINCT FROM ready.account
        AND groups.model IS NOT DISTINCT FROM ready.model
$$;

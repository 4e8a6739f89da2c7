-- API list_groups(): returns the worker groups with their slots and what keeps them from taking work, if anything does.
-- cooldown_s is how long a cool-down lasts, also while the group is paused, or until the next budget. spent_usd is what
-- its runs cost today (UTC). A group that no dispatcher at work can run is paused, too; if another one can, the reason is
-- a remark. A confined session counts the queued tasks of its own tenants, and sees neither the variables of a group nor
-- where its login is; see sees_accounts().
CREATE OR REPLACE FUNCTION list_groups()
RETURNS TABLE (
    group_name text, tool text, account_name text, current_concurrent integer, max_concurrent integer,
    queued bigint, state text, cooldown_s double precision, reason text, hosts text [], config_home text,
    env_vars jsonb, failover boolean, daily_budget_usd numeric, task_budget_usd numeric, spent_usd numeric
)
LANGUAGE sql VOLATILE
AS $$
    WITH queued AS MATERIALIZED (
        SELECT tool, account, sum(tasks) AS tasks FROM current_tallies(p_by_tenant => false)
        WHERE state NOT IN ('leased', 'running', 'succeeded', 'failed', 'canceled') GROUP BY 1, 2
    )
    SELECT g.group_name, g.tool, g.account_name, current_concurrent, max_concurrent,
        (
            SELECT coalesce(sum(tasks), 0)::bigint FROM queued
            WHERE queued.tool = g.tool AND (queued.account = '' OR queued.account = g.account_name)
        ),
        state, extract(EPOCH FROM opens_at - clock())::double precision,
        CASE state
            WHEN 'paused' THEN CASE WHEN paused THEN pause_reason ELSE lacks END
            WHEN 'cooling' THEN cooldown_reason
            WHEN 'budget' THEN format('$%s of $%s spent today', round(spent, 2), round(daily_budget_usd, 2))
            WHEN 'probing' THEN concat_ws('; ', 'one task first, after its cool-down', lacks)
            ELSE lacks
        END,
        hosts, CASE WHEN see_accounts THEN config_home END, CASE WHEN see_accounts THEN env_vars ELSE '{}' END,
        failover, daily_budget_usd, task_budget_usd, spent
    FROM worker_groups AS g CROSS JOIN sees_accounts() AS see_accounts
    CROSS JOIN LATERAL spent_today(g, clock()) AS spent
    CROSS JOIN LATERAL group_service(g, clock()) CROSS JOIN LATERAL (
        SELECT CASE WHEN closed IS NOT NULL
            THEN format('cannot run %s; `llmctl group resume %s` tries again', closed, g.group_name) END AS lacks
    ) AS said
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN paused OR NOT served AND closed IS NOT NULL THEN 'paused'
            WHEN cooldown_until > clock() THEN 'cooling'
            WHEN spent >= daily_budget_usd THEN 'budget'
            WHEN current_concurrent >= max_concurrent THEN 'full'
            WHEN unproven THEN 'probing'
            ELSE 'open'
        END AS state
    ) AS seen
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN cooldown_until > clock() THEN cooldown_until
            WHEN state = 'budget' THEN next_day(clock())
        END AS opens_at
    ) AS opening
    ORDER BY g.tool, g.group_name
$$;

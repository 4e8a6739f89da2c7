-- API list_groups(): returns the worker groups with their slots and what keeps them from taking work, if anything does.
-- `cooling_models` are the models that cool down: [{"model" (empty for tasks that name none), "cooldown_s", "reason"}].
-- `throttled_runs` were throttled one after the other, for `throttled_s`, if that is for long, see is_throttled().
-- cooldown_s is how long a cool-down lasts, also while the group is paused, or until the next budget. spent_usd is what
-- its runs cost today (UTC). A group that no dispatcher at work can run is paused, too; if another one can, the reason is
-- a remark. A confined session counts the queued tasks of its own tenants, and sees neither the variables of a group nor
-- where its login is; see sees_accounts().
CREATE OR REPLACE FUNCTION list_groups()
RETURNS TABLE (
    group_name text, tool text, account_name text, current_concurrent integer, max_concurrent integer,
    queued bigint, state text, cooldown_s double precision, reason text, hosts text [], config_home text,
    env_vars jsonb, failover boolean, daily_budget_usd numeric, task_budget_usd numeric, spent_usd numeric,
    cooling_models jsonb, throttled_runs integer, throttled_s double precision
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
            WHEN 'overloaded' THEN cooldown_reason
            WHEN 'budget' THEN format('$%s of $%s spent today', round(spent, 2), round(daily_budget_usd, 2))
            WHEN 'probing' THEN concat_ws('; ',
                CASE cooldown_class WHEN 'overloaded' THEN 'one task first, to see if its service is back'
                    ELSE 'one task first, after its cool-down' END,
                models_limited, throttling, lacks)
            ELSE nullif(concat_ws('; ', models_limited, throttling, lacks), '')
        END,
        hosts, CASE WHEN see_accounts THEN config_home END, CASE WHEN see_accounts THEN env_vars ELSE '{}' END,
        failover, daily_budget_usd, task_budget_usd, spent, coalesce(cooling, '[]'),
        CASE WHEN throttled_for_long THEN throttled_runs END,
        CASE WHEN throttled_for_long THEN extract(EPOCH FROM clock() - throttled_since)::double precision END
    FROM worker_groups AS g CROSS JOIN sees_accounts() AS see_accounts
    CROSS JOIN LATERAL spent_today(g, clock()) AS spent
    CROSS JOIN LATERAL group_service(g, clock()) CROSS JOIN LATERAL (
        SELECT CASE WHEN closed IS NOT NULL
            THEN format('cannot run %s; `llmctl group resume %s` tries again', closed, g.group_name) END AS lacks,
            is_throttled(g, clock()) AS throttled_for_long,
            CASE WHEN is_throttled(g, clock()) THEN throttled_in_words(g, clock()) END AS throttling
    ) AS said
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object(
                'model', model, 'cooldown_s', extract(EPOCH FROM cools_until - clock()), 'reason', c.reason
            ) ORDER BY model) AS cooling,
            'usage limit of ' || string_agg(
                format('%s, for %s', model_in_words(model), in_words(cools_until - clock())), '; ' ORDER BY model
            ) AS models_limited
        FROM model_cooldowns AS c WHERE c.group_name = g.group_name AND cools_until > clock()
    ) AS of_models
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN paused OR NOT served AND closed IS NOT NULL THEN 'paused'
            WHEN cooldown_until > clock() AND cooldown_class = 'overloaded' THEN 'overloaded'
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

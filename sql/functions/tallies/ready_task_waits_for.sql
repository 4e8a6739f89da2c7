-- INTERNAL ready_task_waits_for(tool, account): returns in one word what stands between a ready task of that tool (and
-- of that account, if it pins one) and its start: slot; or nothing but a dispatcher, no_group, budget, limit (its
-- accounts cool down) or paused (also: the hosts lack what its accounts need). why_waiting() says the same of one task in
-- a sentence, with the limits that count it.
CREATE OR REPLACE FUNCTION ready_task_waits_for(p_tool text, p_account text) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM dispatchers AS d WHERE is_at_work(d, clock())) THEN 'dispatcher'
        WHEN count(*) = 0 THEN 'no_group'
        WHEN bool_or(NOT paused AND NOT cools AND NOT spent AND served) THEN 'slot'
        WHEN bool_or(NOT paused AND NOT cools AND spent) THEN 'budget'
        WHEN bool_or(NOT paused AND cools) THEN 'limit'
        WHEN bool_or(NOT paused AND NOT lacking) THEN 'dispatcher'
        ELSE 'paused'
    END
    FROM worker_groups AS g CROSS JOIN LATERAL group_service(g, clock()) CROSS JOIN LATERAL (
        SELECT coalesce(cooldown_until > clock(), false) AS cools,
            coalesce(spent_today(g, clock()) >= daily_budget_usd, false) AS spent,
            NOT served AND closed IS NOT NULL AS lacking
    ) AS seen
    WHERE tool = p_tool AND (p_account IS NULL OR account_name = p_account) AND max_concurrent > 0
$$;

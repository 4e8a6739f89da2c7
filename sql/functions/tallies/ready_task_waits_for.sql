-- INTERNAL ready_task_waits_for(tool, account): returns in one word what stands between a ready task of that tool (and
-- of that account, if it pins one) and its start: slot; or nothing but a dispatcher, no_group, budget, limit (its
-- accounts cool down) or paused. why_waiting() says the same of one task in a sentence, with the limits that count it.
CREATE OR REPLACE FUNCTION ready_task_waits_for(p_tool text, p_account text) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM dispatchers WHERE NOT closed AND lease_expires_at > clock()) THEN 'dispatcher'
        WHEN count(*) = 0 THEN 'no_group'
        WHEN bool_or(NOT paused AND NOT cools AND NOT spent AND served) THEN 'slot'
        WHEN bool_or(NOT paused AND NOT cools AND spent) THEN 'budget'
        WHEN bool_or(NOT paused AND cools) THEN 'limit'
        WHEN bool_or(NOT paused) THEN 'dispatcher'
        ELSE 'paused'
    END
    FROM worker_groups AS g CROSS JOIN LATERAL (
        SELECT coalesce(cooldown_until > clock(), false) AS cools,
            coalesce(spent_today(g, clock()) >= daily_budget_usd, false) AS spent,
            EXISTS (
                SELECT FROM dispatchers AS d
                WHERE NOT d.closed AND d.lease_expires_at > clock() AND group_is_served_by(g, d)
            ) AS served
    ) AS seen
    WHERE tool = p_tool AND (p_account IS NULL OR account_name = p_account) AND max_concurrent > 0
$$;

-- INTERNAL waits_for_budget(tool, account): returns whether a task of that tool (and of that account, if it pins one)
-- waits for a budget: no group may take it now, and of at least one group the budget of the day is the only reason.
-- This is never stored as a wait_reason. A queued task belongs to no group, and when a budget is raised, all tasks that
-- wait for it are ready at once.
CREATE OR REPLACE FUNCTION waits_for_budget(p_tool text, p_account text) RETURNS boolean
LANGUAGE sql VOLATILE
AS $$
    SELECT coalesce(bool_and(stopped OR spent) AND bool_or(spent AND NOT stopped), false)
    FROM worker_groups AS g CROSS JOIN clock() AS now CROSS JOIN LATERAL (
        SELECT paused OR max_concurrent = 0 OR coalesce(cooldown_until > now, false) AS stopped,
            coalesce(spent_today(g, now) >= daily_budget_usd, false) AS spent
    ) AS seen
    WHERE tool = p_tool AND (p_account IS NULL OR account_name = p_account)
$$;

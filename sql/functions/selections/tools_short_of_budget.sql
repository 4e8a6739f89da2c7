-- INTERNAL tools_short_of_budget(): returns the tools, with an account or an empty one, whose queued tasks wait for a
-- budget.
CREATE OR REPLACE FUNCTION tools_short_of_budget() RETURNS text []
LANGUAGE sql STABLE
AS $$
    SELECT ARRAY(
        SELECT tool || chr(31) || coalesce(account, '')
        FROM (
            SELECT tool, account_name AS account FROM worker_groups WHERE daily_budget_usd IS NOT NULL
            UNION SELECT tool, NULL FROM worker_groups WHERE daily_budget_usd IS NOT NULL
        ) AS budgeted
        WHERE waits_for_budget(tool, account)
    )
$$;

-- API list_limits(): returns the limits with the slots that are taken, and of budgets what was spent of them (null without
-- a budget). max_concurrent is null where only a budget bounds the scope. unknown_cost_runs are the ended runs that are
-- missing in spent_usd. Of the limits of tenants, a confined session sees only those of its own.
CREATE OR REPLACE FUNCTION list_limits() RETURNS TABLE (
    scope text, current_concurrent integer, max_concurrent integer, budget_usd numeric, spent_usd numeric,
    token_budget bigint, spent_tokens bigint, unknown_cost_runs integer
)
LANGUAGE sql STABLE
AS $$
    SELECT scope, current_concurrent, max_concurrent, budget_usd, CASE WHEN has_budget THEN spent_usd END,
        token_budget, CASE WHEN has_budget THEN spent_tokens END, CASE WHEN has_budget THEN unknown_cost_runs END
    FROM concurrency_limits, session_tenants() AS mine
    CROSS JOIN LATERAL (SELECT num_nonnulls(budget_usd, token_budget) > 0 AS has_budget) AS known
    WHERE mine IS NULL OR scope NOT LIKE 'tenant:%' OR substr(scope, length('tenant:') + 1) = ANY(mine)
    ORDER BY scope
$$;

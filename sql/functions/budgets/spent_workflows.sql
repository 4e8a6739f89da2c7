-- INTERNAL spent_workflows(): returns the workflows whose budget is used up. None of their tasks starts.
CREATE OR REPLACE FUNCTION spent_workflows() RETURNS text []
LANGUAGE sql STABLE
AS $$
    SELECT ARRAY(
        SELECT substr(scope, length('workflow:') + 1) FROM concurrency_limits
        WHERE (budget_usd IS NOT NULL OR token_budget IS NOT NULL)
            AND (spent_usd >= budget_usd OR spent_tokens >= token_budget)
    )
$$;

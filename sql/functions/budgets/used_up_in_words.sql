-- INTERNAL used_up_in_words(usd, budget_usd, tokens, token_budget): returns which budget is used up, as people read it:
-- "20.04 of 20.00 USD"; null if neither is. One expression, so that it is inlined.
CREATE OR REPLACE FUNCTION used_up_in_words(
    p_usd numeric, p_budget_usd numeric, p_tokens bigint, p_token_budget bigint
) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN p_usd >= p_budget_usd THEN format('%s of %s USD', round(p_usd, 2), round(p_budget_usd, 2))
        WHEN p_tokens >= p_token_budget THEN format('%s of %s tokens', p_tokens, p_token_budget)
    END
$$;

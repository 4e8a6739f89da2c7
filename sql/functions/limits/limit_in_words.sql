-- INTERNAL limit_in_words(limit): returns why a full limit lets nothing start: it is full, or its budget is used up, with
-- the command that raises that by half.
CREATE OR REPLACE FUNCTION limit_in_words(p_limit concurrency_limits) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_used text := used_up_in_words(p_limit.spent_usd, p_limit.budget_usd, p_limit.spent_tokens, p_limit.token_budget);
BEGIN
    IF v_used IS NULL THEN
        RETURN format('%s is full (%s/%s)', p_limit.scope, p_limit.current_concurrent, p_limit.max_concurrent);
    END IF;
    RETURN format('the budget of workflow %s is used up (%s): `llmctl limit set %s %s`',
        substr(p_limit.scope, length('workflow:') + 1), v_used,
        CASE WHEN p_limit.scope ~ '^[A-Za-z0-9:._/@-]+$' THEN p_limit.scope ELSE quote_literal(p_limit.scope) END,
        CASE WHEN p_limit.spent_usd >= p_limit.budget_usd
            THEN '--budget ' || ceil(greatest(p_limit.budget_usd * 1.5, p_limit.spent_usd + 1))
            ELSE '--token-budget ' || ceil(greatest(p_limit.token_budget * 1.5, p_limit.spent_tokens + 1))
        END);
END
$$;

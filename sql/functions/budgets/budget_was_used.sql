-- TRIGGER budget_was_used(): tells note_budget_used() when what a workflow has spent passes 80 % or all of its budget; of
-- two budgets (cost, tokens) the one that is used more counts.
CREATE OR REPLACE FUNCTION budget_was_used() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    v_before numeric := greatest(old.spent_usd / new.budget_usd, old.spent_tokens::numeric / new.token_budget);
    v_after numeric := greatest(new.spent_usd / new.budget_usd, new.spent_tokens::numeric / new.token_budget);
BEGIN
    IF v_before < 0.8 AND v_after >= 0.8 OR v_before < 1 AND v_after >= 1 THEN
        PERFORM note_budget_used(new.scope, v_before, v_after);
    END IF;
    RETURN NULL;
END
$$;

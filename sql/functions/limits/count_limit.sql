-- TRIGGER count_limit(): starts the counter of a limit that is created or renamed from the number of tasks that it
-- counts now, and a budget from what its workflow has spent so far.
CREATE OR REPLACE FUNCTION count_limit() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'INSERT' OR new.scope <> old.scope THEN
        SELECT count(*) INTO new.current_concurrent FROM tasks
        WHERE status IN ('leased', 'running') AND new.scope = ANY(limit_scopes(tool, model, tenant_id, queue, workflow));
    END IF;
    IF num_nonnulls(new.budget_usd, new.token_budget) > 0
        AND (TG_OP = 'INSERT' OR new.scope <> old.scope OR num_nonnulls(old.budget_usd, old.token_budget) = 0) THEN
        SELECT usd, tokens, unknown_cost_runs INTO new.spent_usd, new.spent_tokens, new.unknown_cost_runs
        FROM spent_by_workflow(substr(new.scope, length('workflow:') + 1));
    END IF;
    RETURN new;
END
$$;

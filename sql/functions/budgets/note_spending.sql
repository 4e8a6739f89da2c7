-- INTERNAL note_spending(runs): adds what these runs took, which have just ended, to the budgets of their workflows. A run
-- that has started and does not tell its cost counts as unknown.
-- Locks: none that the status trigger has not taken already in this transaction: the limits that count the tasks.
-- Only end_runs() calls this, and only if one of the tasks belongs to a workflow.
CREATE OR REPLACE FUNCTION note_spending(p_runs uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v record;
BEGIN
    IF NOT EXISTS (SELECT FROM concurrency_limits WHERE budget_usd IS NOT NULL OR token_budget IS NOT NULL) THEN
        RETURN;
    END IF;
    FOR v IN
        SELECT 'workflow:' || workflow AS scope, coalesce(sum(cost_usd), 0) AS usd, coalesce(sum(tokens_used), 0) AS tokens,
            count(*) FILTER (WHERE cost_usd IS NULL AND runs.started_at IS NOT NULL) AS unknown
        FROM task_runs AS runs JOIN tasks ON tasks.id = runs.task_id
        WHERE runs.id = ANY(p_runs) AND workflow IS NOT NULL GROUP BY workflow ORDER BY 1
    LOOP
        UPDATE concurrency_limits SET spent_usd = spent_usd + v.usd, spent_tokens = spent_tokens + v.tokens,
            unknown_cost_runs = unknown_cost_runs + v.unknown
        WHERE scope = v.scope AND (budget_usd IS NOT NULL OR token_budget IS NOT NULL);
    END LOOP;
END
$$;

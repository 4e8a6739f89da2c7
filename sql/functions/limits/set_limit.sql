-- API set_limit(scope, max_concurrent, budget_usd, token_budget): creates or changes a limit. It takes effect at once; what
-- runs above a lowered limit goes on. A new limit starts from the number of tasks that it counts now. Null leaves what is
-- there.
-- A workflow may have a budget, too, or one alone, in USD, in tokens (input and output) or in both: when what its ended runs
-- took reaches one of them, none of its tasks starts any more. A new budget counts what they took so far. 0 takes a budget
-- away. A run whose cost is unknown counts nothing.
-- tree:NUMBER stands for the budget of a task that spawns others, and of all that they spawn; see set_tree_budget().
-- Locks: claim lock, counters lock (exclusive), the limit. Raises LD400, also for an unknown tool, and 42501 for the
-- limit of a foreign tenant.
CREATE OR REPLACE FUNCTION set_limit(
    p_scope text, p_max_concurrent integer DEFAULT NULL, p_budget_usd double precision DEFAULT NULL,
    p_token_budget bigint DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_has_budget boolean := num_nonnulls(nullif(p_budget_usd, 0), nullif(p_token_budget, 0)) > 0;
BEGIN
    IF p_scope ~ '^tree:[0-9]{1,18}$' AND p_max_concurrent IS NULL AND num_nonnulls(p_budget_usd, p_token_budget) > 0
        AND least(p_budget_usd, p_token_budget) BETWEEN 0 AND 1e18 THEN
        PERFORM set_tree_budget(substr(p_scope, length('tree:') + 1), p_budget_usd, p_token_budget);
        RETURN;
    END IF;
    IF coalesce(p_scope, '') !~ '^(tool|model|tenant|queue|workflow):[^[:cntrl:]]+$' OR octet_length(p_scope) > 210 THEN
        RAISE EXCEPTION '% is not a valid scope: expected tool:NAME, model:NAME, tenant:NAME, queue:NAME or workflow:NAME',
            quote_nullable(left(p_scope, 100)) USING ERRCODE = 'LD400';
    ELSIF num_nonnulls(p_max_concurrent, p_budget_usd, p_token_budget) = 0 THEN
        RAISE EXCEPTION 'a limit needs a number of tasks, or the budget of a workflow' USING ERRCODE = 'LD400';
    ELSIF p_max_concurrent < 0 THEN
        RAISE EXCEPTION '% is not a valid limit: expected 0 or more', p_max_concurrent USING ERRCODE = 'LD400';
    ELSIF p_budget_usd < 0 OR p_budget_usd >= 'Infinity' OR p_token_budget < 0 THEN
        RAISE EXCEPTION '% is not a valid budget: expected more than 0, or 0 for none',
            CASE WHEN p_token_budget < 0 THEN p_token_budget::text ELSE p_budget_usd::text END USING ERRCODE = 'LD400';
    ELSIF v_has_budget AND NOT starts_with(p_scope, 'workflow:') THEN
        RAISE EXCEPTION '% cannot have a budget: only a workflow can', p_scope USING ERRCODE = 'LD400',
            HINT = 'an account has a budget of the day: llmctl group set GROUP --daily-budget USD';
    END IF;
    IF p_scope LIKE 'tool:%' AND NOT EXISTS (SELECT FROM tools WHERE 'tool:' || name = p_scope) THEN
        RAISE EXCEPTION '% is not a known tool: expected %', quote_literal(substr(p_scope, length('tool:') + 1)),
            (SELECT string_agg(name, ', ' ORDER BY name) FROM tools)
            USING ERRCODE = 'LD400', HINT = 'a tool of your own is known once a dispatcher has read it in config.yaml';
    END IF;
    PERFORM require_limit_of_own(p_scope);
    PERFORM lock_limits();
    IF NOT v_has_budget AND p_max_concurrent IS NULL AND NOT EXISTS (
        SELECT FROM concurrency_limits WHERE scope = p_scope AND (
            max_concurrent IS NOT NULL OR coalesce(p_budget_usd > 0, budget_usd IS NOT NULL)
            OR coalesce(p_token_budget > 0, token_budget IS NOT NULL)
        )
    ) THEN
        RAISE EXCEPTION '% would have neither a number of tasks nor a budget', p_scope
            USING ERRCODE = 'LD400', HINT = 'remove the limit: llmctl limit rm ' || p_scope;
    END IF;
    UPDATE concurrency_limits SET max_concurrent = coalesce(p_max_concurrent, max_concurrent),
        budget_usd = nullif(coalesce(p_budget_usd::numeric, budget_usd), 0),
        token_budget = nullif(coalesce(p_token_budget, token_budget), 0), updated_at = clock()
    WHERE scope = p_scope;
    IF NOT FOUND THEN
        INSERT INTO concurrency_limits (scope, max_concurrent, budget_usd, token_budget)
        VALUES (p_scope, p_max_concurrent, nullif(p_budget_usd::numeric, 0), nullif(p_token_budget, 0));
    END IF;
END
$$;

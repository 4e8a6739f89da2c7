-- INTERNAL workflows_for_people(): returns the rows of inbox() that are about workflows: those that have used up their
-- budget while tasks of them wait.
CREATE OR REPLACE FUNCTION workflows_for_people()
RETURNS TABLE (
    kind text, number bigint, group_name text, name text, what text, since timestamptz, verbs text []
)
LANGUAGE sql STABLE
AS $$
    SELECT 'over_budget', NULL::bigint, NULL::text, spent.workflow, format('workflow %s has spent %s', spent.workflow,
            used_up_in_words(l.spent_usd, l.budget_usd, l.spent_tokens, l.token_budget)),
        l.updated_at, ARRAY[format('llmctl limit set %s %s', l.scope,
            CASE WHEN l.spent_usd >= l.budget_usd THEN '--budget USD' ELSE '--token-budget TOKENS' END)]
    FROM unnest(spent_workflows()) AS spent (workflow) JOIN concurrency_limits AS l ON l.scope = 'workflow:' || spent.workflow
    WHERE EXISTS (
        SELECT FROM tasks AS t WHERE t.workflow = spent.workflow AND t.status = 'queued' AND t.wait_reason IS NULL OFFSET 0
    )
$$;

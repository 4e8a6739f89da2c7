-- INTERNAL trees_for_people(selection): returns the rows of inbox() that are about trees whose budget is used up while
-- selected tasks of them wait for it, of which the first 10,000 are looked at.
CREATE OR REPLACE FUNCTION trees_for_people(p_selection task_selection)
RETURNS TABLE (
    kind text, number bigint, group_name text, name text, what text, since timestamptz, verbs text []
)
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT 'over_budget', root.number, NULL::text, root.title,
        format('%s for the budget of its tree: spent %s',
            CASE waiting.tasks WHEN 1 THEN '1 task waits' ELSE waiting.tasks || ' tasks wait' END,
            used_up_in_words(t.cost_usd, t.max_cost_usd, t.tokens, t.max_tokens)),
        waiting.since, ARRAY[format('llmctl limit set tree:%s %s', root.number,
            CASE WHEN t.cost_usd >= t.max_cost_usd THEN '--budget USD' ELSE '--token-budget TOKENS' END)]
    FROM (
        SELECT tree, count(*) AS tasks, min(updated_at) AS since
        FROM (
            SELECT t.tree, t.updated_at FROM tasks AS t
            WHERE coalesce(t.wait_reason, t.status) = ANY('{budget}'::text []) AND t.status NOT IN ('leased', 'running')
                AND task_fits(t, p_selection)
            LIMIT 10000
        ) AS first_ones
        GROUP BY tree
    ) AS waiting
    JOIN task_trees AS t ON t.root = waiting.tree JOIN tasks AS root ON root.id = t.root
$$;

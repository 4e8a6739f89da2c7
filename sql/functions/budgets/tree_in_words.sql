-- INTERNAL tree_in_words(tree): returns why the tasks of a spent tree do not start, with the command that raises its budget
-- by half.
CREATE OR REPLACE FUNCTION tree_in_words(p_tree uuid) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT format('the budget of the tree of task %s is used up (%s): `llmctl limit set tree:%s %s`', number,
            coalesce(used_up_in_words(t.cost_usd, t.max_cost_usd, t.tokens, t.max_tokens), 'raised just now'), number,
            CASE WHEN t.cost_usd >= t.max_cost_usd
                THEN '--budget ' || ceil(greatest(t.max_cost_usd * 1.5, t.cost_usd + 1))
                ELSE '--token-budget ' || ceil(greatest(t.max_tokens * 1.5, t.tokens + 1))
            END)
    FROM task_trees AS t JOIN tasks ON tasks.id = t.root WHERE t.root = p_tree
$$;

-- INTERNAL tree_is_spent(tree): whether what a tree may cost, or may take in tokens, is used up. One expression, so that it
-- is inlined.
CREATE OR REPLACE FUNCTION tree_is_spent(p_tree task_trees) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce((p_tree).cost_usd >= (p_tree).max_cost_usd OR (p_tree).tokens >= (p_tree).max_tokens, false)
$$;

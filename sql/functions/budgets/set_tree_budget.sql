-- INTERNAL set_tree_budget(root, budget_usd, token_budget): changes what a tree may cost and take in tokens together: null
-- leaves what is there, 0 takes it away. If it has room then, its tasks go on.
-- Locks: claim lock, so that no claim works with the old budget; the tree; its tasks that wait for it.
-- Only set_limit() calls this, for tree:NUMBER. Raises what find_task() does, and LD404 for a task that is no root.
CREATE OR REPLACE FUNCTION set_tree_budget(p_root text, p_budget_usd double precision, p_token_budget bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_root uuid := find_task(p_root);
BEGIN
    PERFORM bound_transaction();
    PERFORM lock_claims();
    UPDATE task_trees SET max_cost_usd = nullif(coalesce(p_budget_usd::numeric, max_cost_usd), 0),
        max_tokens = nullif(coalesce(p_token_budget, max_tokens), 0)
    WHERE root = v_root;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'task % is not the root of a tree: it spawns no tasks', p_root USING ERRCODE = 'LD404';
    END IF;
    PERFORM pg_notify('task_ready', tool) FROM tasks WHERE id = v_root;
END
$$;

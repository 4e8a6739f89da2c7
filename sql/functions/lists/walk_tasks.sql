-- INTERNAL walk_tasks(way, key, waits, first, before, most): returns the numbers of the last `most` tasks (null: all) from
-- number `first` to below `before` that have that key, in one index and down from the highest number. Ways: label,
-- group, queue, workflow, tenant, tool, model, state, and number for all tasks. Those by a column of tasks leave out active tasks;
-- but for the state they take either tasks that wait or tasks that have ended, as `waits` says.
-- Cost: that of the entries returned. Each statement asks for the order of the columns of its index, so that no other
-- index serves it: beside a key with few rows a walk through all numbers looks cheap while statistics are old. With
-- "= p_key" in place of the array the planner would see that the number alone gives that order. Bounds written as a row,
-- (tool, number) >= (p_key, p_first), end the walk only where the tool does.
CREATE OR REPLACE FUNCTION walk_tasks(
    p_way text, p_key text, p_waits boolean, p_first bigint, p_before bigint, p_most integer
)
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
DECLARE
    v_keys CONSTANT text [] := ARRAY[p_key];
BEGIN
    CASE p_way
        WHEN 'label' THEN RETURN QUERY
            SELECT number FROM task_labels
            WHERE label = ANY(v_keys::uuid []) AND number >= p_first AND number < p_before
            ORDER BY label DESC, number DESC LIMIT p_most;
        WHEN 'group' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE group_name = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND group_name IS NOT NULL AND status NOT IN ('leased', 'running')
            ORDER BY group_name DESC, (status = 'queued') DESC, number DESC LIMIT p_most;
        WHEN 'queue' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE queue = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND status NOT IN ('leased', 'running')
            ORDER BY queue DESC, (status = 'queued') DESC, number DESC LIMIT p_most;
        WHEN 'workflow' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE workflow = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND workflow IS NOT NULL AND status NOT IN ('leased', 'running')
            ORDER BY workflow DESC, (status = 'queued') DESC, number DESC LIMIT p_most;
        WHEN 'tenant' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE tenant_id = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND status NOT IN ('leased', 'running')
            ORDER BY tenant_id DESC, (status = 'queued') DESC, number DESC LIMIT p_most;
        WHEN 'tool' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE tool = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND status NOT IN ('leased', 'running')
            ORDER BY tool DESC, (status = 'queued') DESC, number DESC LIMIT p_most;
        WHEN 'model' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE model = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND model IS NOT NULL AND status NOT IN ('leased', 'running')
            ORDER BY model DESC, (status = 'queued') DESC, number DESC LIMIT p_most;
        WHEN 'state' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE coalesce(wait_reason, status) = ANY(v_keys) AND number >= p_first AND number < p_before
                AND status NOT IN ('leased', 'running')
            ORDER BY coalesce(wait_reason, status) DESC, number DESC LIMIT p_most;
        WHEN 'number' THEN RETURN QUERY
            SELECT number FROM tasks WHERE number >= p_first AND number < p_before ORDER BY number DESC LIMIT p_most;
    END CASE;
END
$$;

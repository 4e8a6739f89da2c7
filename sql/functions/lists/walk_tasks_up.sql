-- INTERNAL walk_tasks_up(way, key, waits, first, before, most): what walk_tasks() returns, but the first `most` tasks
-- and up from the lowest number. What waits longest is at that end.
-- Cost: that of the entries returned; see walk_tasks() for why the conditions are as they are.
CREATE OR REPLACE FUNCTION walk_tasks_up(
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
            ORDER BY label, number LIMIT p_most;
        WHEN 'group' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE group_name = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND group_name IS NOT NULL AND status NOT IN ('leased', 'running')
            ORDER BY group_name, (status = 'queued'), number LIMIT p_most;
        WHEN 'queue' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE queue = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND status NOT IN ('leased', 'running')
            ORDER BY queue, (status = 'queued'), number LIMIT p_most;
        WHEN 'workflow' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE workflow = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND workflow IS NOT NULL AND status NOT IN ('leased', 'running')
            ORDER BY workflow, (status = 'queued'), number LIMIT p_most;
        WHEN 'tenant' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE tenant_id = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND status NOT IN ('leased', 'running')
            ORDER BY tenant_id, (status = 'queued'), number LIMIT p_most;
        WHEN 'tool' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE tool = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND status NOT IN ('leased', 'running')
            ORDER BY tool, (status = 'queued'), number LIMIT p_most;
        WHEN 'model' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE model = ANY(v_keys) AND (status = 'queued') = p_waits AND number >= p_first AND number < p_before
                AND model IS NOT NULL AND status NOT IN ('leased', 'running')
            ORDER BY model, (status = 'queued'), number LIMIT p_most;
        WHEN 'state' THEN RETURN QUERY
            SELECT number FROM tasks
            WHERE coalesce(wait_reason, status) = ANY(v_keys) AND number >= p_first AND number < p_before
                AND status NOT IN ('leased', 'running')
            ORDER BY coalesce(wait_reason, status), number LIMIT p_most;
        WHEN 'number' THEN RETURN QUERY
            SELECT number FROM tasks WHERE number >= p_first AND number < p_before ORDER BY number LIMIT p_most;
    END CASE;
END
$$;

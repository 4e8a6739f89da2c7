-- INTERNAL candidate_tasks(selection, way, keys, before, most): returns the numbers of the last `most` tasks (null:
-- all) below `before` that may be selected, highest first. All that are selected are among them, down to the lowest
-- number returned.
-- Active tasks are found by tasks_active: "number + 0" keeps the planner from a walk through all numbers.
CREATE OR REPLACE FUNCTION candidate_tasks(
    p_selection task_selection, p_way text, p_keys text [], p_before bigint, p_most integer
)
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
BEGIN
    RETURN QUERY
    SELECT number FROM (
        SELECT number FROM unnest(p_keys) AS key,
            walk_tasks(p_way, key, (p_selection).first_number, p_before, p_most) AS number
        UNION ALL
        SELECT DISTINCT number FROM unnest((p_selection).numbers) AS number
        WHERE p_way = 'numbers' AND number < p_before
        UNION ALL
        SELECT number FROM tasks AS t
        WHERE p_way IN ('group', 'queue', 'tenant', 'tool', 'state')
            AND status IN ('leased', 'running') AND leased_by IS NOT NULL
            AND number + 0 >= (p_selection).first_number AND number + 0 < p_before AND task_fits(t, p_selection)
    ) AS found
    ORDER BY number DESC LIMIT p_most;
END
$$;

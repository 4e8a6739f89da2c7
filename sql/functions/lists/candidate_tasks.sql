-- INTERNAL candidate_tasks(selection, way, keys, from, before, up, most): returns the numbers of the last `most` tasks
-- (null: all), or with `up` of the first, from number `from` to below `before` that may be selected, highest first or
-- lowest first. All that are selected are among them, as far as the number returned last.
-- Active tasks are found by tasks_active: "number + 0" keeps the planner from a walk through all numbers.
CREATE OR REPLACE FUNCTION candidate_tasks(
    p_selection task_selection, p_way text, p_keys text [], p_from bigint, p_before bigint, p_up boolean,
    p_most integer
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
        SELECT number FROM unnest(p_keys) AS key CROSS JOIN unnest(sides_to_walk(p_way, p_selection)) AS waits,
            LATERAL (
                SELECT * FROM walk_tasks(p_way, key, waits, p_from, p_before, p_most) WHERE NOT p_up
                UNION ALL
                SELECT * FROM walk_tasks_up(p_way, key, waits, p_from, p_before, p_most) WHERE p_up
            ) AS walked (number)
        UNION ALL
        SELECT there.number FROM unnest((p_selection).picked) AS span CROSS JOIN LATERAL (
            SELECT number FROM tasks
            WHERE number >= greatest(lower(span), p_from) AND number < least(upper(span), p_before)
        ) AS there
        WHERE p_way = 'picked'
        UNION ALL
        SELECT number FROM tasks AS t
        WHERE p_way IN ('group', 'queue', 'workflow', 'tenant', 'tool', 'model', 'state')
            AND status IN ('leased', 'running') AND leased_by IS NOT NULL
            AND number + 0 >= p_from AND number + 0 < p_before AND task_fits(t, p_selection)
    ) AS found
    ORDER BY CASE WHEN p_up THEN number ELSE -number END LIMIT p_most;
END
$$;

-- INTERNAL way_to_walk(selection, before, up): returns along which index, and by which keys in it, the fewest tasks
-- have to be looked at: the one whose first 300 entries below `before` reach furthest down, or with `up` those at the
-- other end furthest up. A few tasks that are picked by their numbers are looked at themselves; many are a range of the
-- numbers, like a time.
-- Cost: 300 entries of each index that may serve, so that no page costs what a wrong guess would. A selection with
-- many tenants is not walked by tenant.
CREATE OR REPLACE FUNCTION way_to_walk(
    p_selection task_selection, p_before bigint, p_up boolean DEFAULT false, OUT way text, OUT keys text []
)
LANGUAGE sql STABLE
AS $$
    WITH ways AS (
        SELECT 'label' AS way, ARRAY[label::text] AS keys FROM unnest((p_selection).label_hashes) AS label
        UNION ALL SELECT 'group', ARRAY[(p_selection).group_name]
        UNION ALL SELECT 'queue', ARRAY[(p_selection).queue]
        UNION ALL SELECT 'workflow', ARRAY[(p_selection).workflow]
        UNION ALL SELECT 'tenant', (p_selection).tenants
        UNION ALL SELECT 'tool', ARRAY[(p_selection).tool]
        UNION ALL SELECT 'model', ARRAY[(p_selection).model]
        UNION ALL SELECT 'state', ARRAY(
            SELECT DISTINCT key
            FROM unnest((p_selection).states) AS state,
                unnest(CASE state WHEN 'budget' THEN '{queued,budget}'::text [] ELSE ARRAY[state] END) AS key
            WHERE state NOT IN ('leased', 'running')
        ) WHERE (p_selection).states IS NOT NULL
        UNION ALL SELECT 'picked', '{}' WHERE (p_selection).picked IS NOT NULL
            AND 10000 >= (SELECT coalesce(sum(upper(span) - lower(span)), 0) FROM unnest((p_selection).picked) AS span)
        UNION ALL SELECT 'number', '{""}'
    ), usable AS (
        SELECT way, keys, count(*) OVER () AS ways FROM ways
        WHERE keys IS NOT NULL AND array_position(keys, NULL) IS NULL AND cardinality(keys) <= 50
    )
    SELECT way, keys FROM usable CROSS JOIN LATERAL (SELECT sides_to_walk(way, p_selection) AS sides) AS known
    ORDER BY way = 'number', way <> 'picked', CASE WHEN ways > 2 AND way NOT IN ('number', 'picked') THEN (
        SELECT CASE WHEN p_up THEN -coalesce((
            SELECT number FROM unnest(keys) AS key CROSS JOIN unnest(sides) AS waits,
                walk_tasks_up(way, key, waits, (p_selection).first_number, p_before, 300) AS number
            ORDER BY number OFFSET 299 LIMIT 1
        ), 9223372036854775807) ELSE coalesce((
            SELECT number FROM unnest(keys) AS key CROSS JOIN unnest(sides) AS waits,
                walk_tasks(way, key, waits, (p_selection).first_number, p_before, 300) AS number
            ORDER BY number DESC OFFSET 299 LIMIT 1
        ), 0) END
    ) END, way
    LIMIT 1
$$;

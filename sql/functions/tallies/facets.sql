-- API facets(select): returns how many tasks each state, tool, queue and tenant has among those that the rest of the
-- selection matches, so that a filter can show what another choice would give. state is the status, or what a queued
-- task waits for.
-- A selection by anything else (numbers, group, name, labels, since, until) returns no row: tallies do not know these.
-- Cost: that of current_tallies(), however many tasks there are. Raises LD400 for a selection that is none.
CREATE OR REPLACE FUNCTION facets(p_select jsonb DEFAULT '{}') RETURNS TABLE (facet text, value text, tasks bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    c_keys CONSTANT text [] := ARRAY[
        'numbers', 'states', 'tool', 'tenant', 'queue', 'group', 'name', 'labels', 'since', 'until'
    ];
    v_unknown text;
BEGIN
    v_unknown := (
        SELECT min(key) FROM jsonb_each(CASE jsonb_typeof(p_select) WHEN 'object' THEN p_select END) AS given
        WHERE key <> ALL(c_keys)
            OR key IN ('tool', 'queue', 'tenant') AND jsonb_typeof(given.value) NOT IN ('string', 'null')
            OR key = 'states' AND jsonb_typeof(given.value) NOT IN ('array', 'null')
    );
    IF jsonb_typeof(p_select) IS DISTINCT FROM 'object' OR v_unknown IS NOT NULL THEN
        RAISE EXCEPTION '% is not a valid selection: expected an object with some of %',
            coalesce(p_select::text, 'null'), array_to_string(c_keys, ', ') USING ERRCODE = 'LD400', DETAIL = concat('at ', v_unknown);
    END IF;
    IF jsonb_strip_nulls(p_select) - ARRAY['states', 'tool', 'queue', 'tenant'] <> '{}' THEN
        RETURN;
    END IF;
    PERFORM fold_tallies(p_from => 1000);
    RETURN QUERY
    WITH kinds AS (
        SELECT state, tool, queue, tenant_id, tasks,
            -- The filters that it does not fit, by the facet to which they belong.
            array_remove(ARRAY[
                CASE WHEN NOT coalesce(p_select -> 'states' ? state, true) THEN 'state' END,
                CASE WHEN tool <> p_select ->> 'tool' THEN 'tool' END,
                CASE WHEN queue <> p_select ->> 'queue' THEN 'queue' END,
                CASE WHEN tenant_id <> p_select ->> 'tenant' THEN 'tenant' END
            ], NULL) AS misses
        FROM current_tallies(p_by_tenant => true)
    )
    SELECT facet, value, sum(tasks)::bigint
    FROM kinds CROSS JOIN LATERAL (
        VALUES ('state', state), ('tool', tool), ('queue', queue), ('tenant', tenant_id)
    ) AS shown (facet, value)
    WHERE misses <@ ARRAY[facet]
    GROUP BY facet, value ORDER BY facet, sum(tasks) DESC, value;
END
$$;

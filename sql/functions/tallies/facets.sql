-- API facets(select): returns how many tasks each state, tool, queue and tenant has among those that the rest of the
-- selection matches, so that a filter can show what another choice would give. state is the status, or what a queued
-- task waits for.
-- A selection by anything else (as by numbers, name or labels) returns no row: tallies do not know these.
-- Cost: that of current_tallies(), however many tasks there are. Raises LD400 and LD404, see read_selection().
CREATE OR REPLACE FUNCTION facets(p_select jsonb DEFAULT '{}') RETURNS TABLE (facet text, value text, tasks bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_select task_selection := read_selection(p_select);
    v_tenant text := p_select ->> 'tenant';
BEGIN
    IF num_nonnulls(
        v_select.picked, v_select.group_name, v_select.workflow, v_select.model, v_select.name_like, v_select.labels, v_select.since,
        v_select.until, v_select.waiting
    ) > 0 THEN
        RETURN;
    END IF;
    PERFORM fold_tallies(p_from => 1000);
    RETURN QUERY
    WITH kept AS MATERIALIZED (
        SELECT * FROM current_tallies(p_by_tenant => true)
        UNION ALL
        SELECT tenant_id, tool, account, queue, moved.state, tasks * moved.sign
        FROM ready_in_spent_workflows(v_select.spent_workflows), (VALUES ('queued', -1), ('budget', 1)) AS moved (state, sign)
    ), kinds AS MATERIALIZED (
        SELECT shown AS state, tool, queue, tenant_id, tasks, coalesce(shown = ANY(v_select.states), true) AS of_state,
            coalesce(tool = v_select.tool, true) AS of_tool,
            coalesce(queue = v_select.queue, true) AS of_queue,
            coalesce(tenant_id = v_tenant, true) AS of_tenant
        FROM kept CROSS JOIN LATERAL (
            SELECT CASE WHEN state = 'queued' AND tool || chr(31) || account = ANY(v_select.short_of_budget) THEN 'budget'
                ELSE state END AS shown
        ) AS seen
    ), counted AS (
        SELECT 'state', state, sum(tasks) FROM kinds WHERE of_tool AND of_queue AND of_tenant GROUP BY state
        UNION ALL
        SELECT 'tool', tool, sum(tasks) FROM kinds WHERE of_state AND of_queue AND of_tenant GROUP BY tool
        UNION ALL
        SELECT 'queue', queue, sum(tasks) FROM kinds WHERE of_state AND of_tool AND of_tenant GROUP BY queue
        UNION ALL
        SELECT 'tenant', tenant_id, sum(tasks) FROM kinds WHERE of_state AND of_tool AND of_queue GROUP BY tenant_id
    )
    SELECT facet, value, tasks::bigint FROM counted AS c (facet, value, tasks)
    WHERE tasks > 0 ORDER BY facet, tasks DESC, value;
END
$$;

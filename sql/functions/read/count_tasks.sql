-- API count_tasks(select): returns how many tasks of a selection are in each state; queued ones are split by what they
-- wait for ("queued" waits for a slot).
--   SELECT state, tasks FROM count_tasks('{"tool": "claude"}');
-- Cost: that of current_tallies() for a selection by state, waiting, tool, tenant and queue, however many tasks there
-- are; else that of the candidates, see few_candidates(), or a walk through the table. Raises LD400 and LD404, see
-- read_selection().
CREATE OR REPLACE FUNCTION count_tasks(p_select jsonb DEFAULT '{}') RETURNS TABLE (state text, tasks bigint)
LANGUAGE plpgsql VOLATILE
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    s task_selection := read_selection(p_select);
    v_few bigint [];
BEGIN
    IF num_nonnulls(s.picked, s.group_name, s.workflow, s.model, s.name_like, s.labels, s.since, s.until) > 0 THEN
        v_few := few_candidates(s);
        RETURN QUERY
        SELECT CASE WHEN coalesce(wait_reason, status) = 'queued'
                AND (tool || chr(31) || coalesce(account, '') = ANY(s.short_of_budget) OR workflow = ANY(s.spent_workflows))
                THEN 'budget'
            ELSE coalesce(wait_reason, status) END, count(*)
        FROM (
            SELECT tool, account, workflow, status, wait_reason FROM tasks AS t
            WHERE v_few IS NOT NULL AND number = ANY(v_few) AND task_fits(t, s)
            UNION ALL
            SELECT tool, account, workflow, status, wait_reason FROM tasks AS t
            WHERE v_few IS NULL AND number >= s.first_number
                AND number < coalesce(s.end_number, 9223372036854775807) AND task_fits(t, s)
        ) AS fitting
        GROUP BY 1 ORDER BY 1;
        RETURN;
    END IF;
    PERFORM fold_tallies(p_from => 1000);
    RETURN QUERY
    WITH alike AS (
        SELECT tool, account, state, sum(tasks) AS tasks
        FROM (
            SELECT * FROM current_tallies(p_by_tenant => p_select ->> 'tenant' IS NOT NULL)
            UNION ALL
            SELECT tenant_id, tool, account, queue, moved.state, tasks * moved.sign
            FROM ready_in_spent_workflows(s.spent_workflows), (VALUES ('queued', -1), ('budget', 1)) AS moved (state, sign)
        ) AS known
        WHERE (s.tool IS NULL OR tool = s.tool) AND (s.queue IS NULL OR queue = s.queue)
            AND (p_select ->> 'tenant' IS NULL OR tenant_id = ANY(s.tenants))
        GROUP BY 1, 2, 3 HAVING sum(tasks) <> 0
    ), seen AS (
        SELECT tasks, state = 'queued' AND tool || chr(31) || account = ANY(s.ready_waits) OR state = s.waiting AS waits,
            CASE WHEN state = 'queued' AND tool || chr(31) || account = ANY(s.short_of_budget) THEN 'budget'
                ELSE state END AS state
        FROM alike
    )
    SELECT state, sum(tasks)::bigint FROM seen
    WHERE (s.states IS NULL OR state = ANY(s.states)) AND (s.waiting IS NULL OR waits) GROUP BY 1 ORDER BY 1;
END
$$;

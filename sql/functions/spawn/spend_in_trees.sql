-- INTERNAL spend_in_trees(reports, tasks): adds what these runs of tasks cost, and their tokens, to what their trees have
-- taken. `reports` has each run once. The caller holds the tasks and their trees.
CREATE OR REPLACE FUNCTION spend_in_trees(p_reports jsonb, p_task_ids uuid []) RETURNS void
LANGUAGE sql VOLATILE
SET enable_seqscan = off
AS $$
    UPDATE task_trees SET cost_usd = task_trees.cost_usd + spent.usd, tokens = task_trees.tokens + spent.tokens
    FROM (
        SELECT tree, sum(coalesce(cost_usd, 0)) AS usd,
            sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens
        FROM jsonb_to_recordset(p_reports) AS report (
            run_id uuid, cost_usd numeric, input_tokens bigint, output_tokens bigint
        )
        JOIN tasks USING (run_id) WHERE tasks.id = ANY(p_task_ids) AND tree IS NOT NULL GROUP BY tree
    ) AS spent
    WHERE root = spent.tree AND root = ANY(ARRAY(SELECT tree FROM tasks WHERE id = ANY(p_task_ids)))
        AND (usd > 0 OR spent.tokens > 0)
$$;

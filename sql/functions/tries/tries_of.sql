-- INTERNAL tries_of(set): returns a set of tries as JSON, or null: how one is picked, the numbers of the judge and of the
-- try that was picked, what all of them cost, and the tries in their order: number, tool, model, account, status,
-- wait_reason and cost_usd of each.
CREATE OR REPLACE FUNCTION tries_of(p_set uuid) RETURNS jsonb
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    WITH members AS MATERIALIZED (
        SELECT tasks.id, number, tool, model, account, status, wait_reason, (
            SELECT sum(cost_usd) FROM task_runs WHERE task_id = tasks.id
        ) AS cost_usd
        FROM tasks WHERE try_set = p_set
    )
    SELECT jsonb_build_object(
        'pick', pick, 'judge', (SELECT number FROM members WHERE id = judge),
        'picked', (SELECT number FROM members WHERE id = picked), 'cost_usd', (SELECT sum(cost_usd) FROM members),
        'tries', (
            SELECT coalesce(jsonb_agg(to_jsonb(members) - 'id' ORDER BY number), '[]') FROM members
            WHERE id IS DISTINCT FROM judge
        )
    )
    FROM try_sets WHERE id = p_set
$$;

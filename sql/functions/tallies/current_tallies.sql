-- INTERNAL current_tallies(): returns how many tasks there are of each kind, of the tenants of this session. It is exact
-- for the snapshot that it is read in. `account` is the one that a queued task pins, or ''.
-- Cost: that of the kinds that there are, and of what the inbox holds.
CREATE OR REPLACE FUNCTION current_tallies()
RETURNS TABLE (tenant_id text, tool text, account text, queue text, state text, tasks bigint)
LANGUAGE sql STABLE
AS $$
    SELECT tenant_id, tool, account, queue, state, sum(tasks)::bigint
    FROM (
        SELECT tenant_id, tool, account, queue, state, tasks FROM task_tallies
        UNION ALL
        SELECT tenant_id, tool, account, queue, state, tasks FROM task_tally_inbox WHERE state <> 'submitted'
    ) AS kinds, session_tenants() AS mine
    WHERE mine IS NULL OR tenant_id = ANY(mine)
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(tasks) <> 0
$$;

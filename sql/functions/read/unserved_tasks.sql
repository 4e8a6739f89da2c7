-- API unserved_tasks(): returns how many queued tasks no worker group could ever take, whatever dispatchers run: by
-- tool and pinned account. A group that was removed, or was given no slot, leaves such tasks.
-- A confined session counts those of its own tenants.
CREATE OR REPLACE FUNCTION unserved_tasks() RETURNS TABLE (tool text, account text, tasks bigint)
LANGUAGE sql STABLE
AS $$
    SELECT tool, account, count(*) FROM tasks AS t, session_tenants() AS mine
    WHERE status = 'queued' AND (mine IS NULL OR tenant_id = ANY(mine)) AND NOT EXISTS (
        SELECT FROM worker_groups AS g
        WHERE g.tool = t.tool AND (t.account IS NULL OR g.account_name = t.account) AND g.max_concurrent > 0
    )
    GROUP BY tool, account ORDER BY tool, account
$$;

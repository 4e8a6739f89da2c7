-- INTERNAL ready_in_spent_workflows(workflows): returns how many ready tasks these workflows have, of the tenants of this
-- session: what tallies count as queued, and what waits for a budget. `account` is the one that they pin, or ''.
-- Cost: that of these tasks, by tasks_by_workflow; none for no workflow.
CREATE OR REPLACE FUNCTION ready_in_spent_workflows(p_workflows text [])
RETURNS TABLE (tenant_id text, tool text, account text, queue text, tasks bigint)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_mine text [] := session_tenants();
BEGIN
    IF p_workflows <> '{}' THEN
        RETURN QUERY
        SELECT tenant_id, tool, coalesce(account, ''), queue, count(*) FROM tasks
        WHERE workflow = ANY(p_workflows) AND status = 'queued' AND wait_reason IS NULL
            AND (v_mine IS NULL OR tenant_id = ANY(v_mine))
        GROUP BY 1, 2, 3, 4;
    END IF;
END
$$;

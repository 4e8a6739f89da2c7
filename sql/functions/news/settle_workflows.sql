-- INTERNAL settle_workflows(): tells others of each workflow that is done: some of its tasks ended since it was last
-- looked at, and none is left that has not. One that gets tasks later is done again when these have ended.
-- The look and the removal from the inbox are one statement, so they see the same ends; and they are one at a time. So of
-- two last tasks that end in two transactions exactly one look sees both. It begins after the end of that before it,
-- since the lock is taken by an earlier statement.
-- Cost: a probe when the inbox is empty, otherwise two for each workflow, and the active tasks; the tasks of a workflow are
-- counted only when it is done.
-- Locks: an advisory lock of its own.
CREATE OR REPLACE FUNCTION settle_workflows() RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_done record;
BEGIN
    IF NOT EXISTS (SELECT FROM workflow_inbox) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('workflow_inbox', 0));
    FOR v_done IN
        WITH looked_at AS (
            DELETE FROM workflow_inbox RETURNING tenant_id, workflow
        )
        SELECT f.tenant_id, f.workflow, (
                SELECT jsonb_object_agg(status, tasks) FROM (
                    SELECT status, count(*) AS tasks FROM tasks AS t
                    WHERE t.workflow = f.workflow AND t.tenant_id = f.tenant_id AND t.status NOT IN ('leased', 'running')
                    GROUP BY status
                ) AS by_status
            ) AS states
        FROM (SELECT DISTINCT tenant_id, workflow FROM looked_at) AS f
        WHERE NOT EXISTS (
            SELECT FROM tasks AS t WHERE t.workflow = f.workflow AND (t.status = 'queued') AND t.tenant_id = f.tenant_id
                AND t.status NOT IN ('leased', 'running')
        ) AND NOT EXISTS (
            SELECT FROM tasks AS t WHERE t.status IN ('leased', 'running') AND t.leased_by IS NOT NULL
                AND t.workflow = f.workflow AND t.tenant_id = f.tenant_id
        )
    LOOP
        PERFORM file_news(
            'workflow.done', format('workflow:%s:%s', v_done.tenant_id, v_done.workflow),
            jsonb_build_object('workflow', jsonb_build_object(
                'name', v_done.workflow, 'tenant', v_done.tenant_id, 'tasks', v_done.states)),
            jsonb_build_object('tenant', v_done.tenant_id, 'workflow', v_done.workflow));
    END LOOP;
END
$$;

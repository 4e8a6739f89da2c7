-- INTERNAL workflow_names(): returns each workflow, of whatever tenant, with the highest number of its tasks.
-- Cost: a few entries of tasks_by_workflow for each name, however many tasks it has, and the active tasks.
CREATE OR REPLACE FUNCTION workflow_names() RETURNS TABLE (name text, number bigint)
LANGUAGE sql STABLE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
    WITH RECURSIVE walked AS (
        (
            SELECT workflow FROM tasks WHERE workflow IS NOT NULL AND status NOT IN ('leased', 'running')
            ORDER BY workflow, (status = 'queued'), number LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT t.workflow FROM tasks AS t
            WHERE t.workflow > walked.workflow AND t.workflow IS NOT NULL AND status NOT IN ('leased', 'running')
            ORDER BY t.workflow, (status = 'queued'), number LIMIT 1
        )
        FROM walked WHERE walked.workflow IS NOT NULL
    )
    SELECT workflow, max(number) FROM (
        SELECT workflow, (
            SELECT t.number FROM tasks AS t
            WHERE t.workflow = walked.workflow AND (t.status = 'queued') = waits AND t.status NOT IN ('leased', 'running')
            ORDER BY t.workflow DESC, (t.status = 'queued') DESC, t.number DESC LIMIT 1
        ) AS number
        FROM walked CROSS JOIN unnest('{true,false}'::boolean []) AS waits WHERE workflow IS NOT NULL
        UNION ALL
        SELECT workflow, number FROM tasks
        WHERE status IN ('leased', 'running') AND leased_by IS NOT NULL AND workflow IS NOT NULL
    ) AS found
    WHERE number IS NOT NULL GROUP BY workflow
$$;

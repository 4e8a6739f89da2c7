-- TRIGGER tally_tasks(): notes how many tasks of each kind an INSERT or DELETE of tasks made more or fewer.
-- tasks_updated() does so for an UPDATE.
-- Locks nothing that anybody waits for.
CREATE OR REPLACE FUNCTION tally_tasks() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        WITH alike AS (
            SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END AS account,
                queue, coalesce(wait_reason, status) AS state, count(*) AS tasks
            FROM new_rows GROUP BY 1, 2, 3, 4, 5
        )
        INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
        SELECT * FROM alike
        UNION ALL
        SELECT tenant_id, tool, '', queue, 'submitted', sum(tasks) FROM alike GROUP BY tenant_id, tool, queue;
    ELSE
        INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
        SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END,
            queue, coalesce(wait_reason, status), -count(*)
        FROM old_rows GROUP BY 1, 2, 3, 4, 5;
    END IF;
    RETURN NULL;
END
$$;

-- TRIGGER tally_tasks(): notes how many tasks of each kind an UPDATE or DELETE of tasks made more or fewer.
-- What cancels out, as of a cancel that was asked for, writes nothing. Old and new rows are stacked and grouped, never
-- joined: tasks_updated() says why.
-- Locks nothing that anybody waits for.
CREATE OR REPLACE FUNCTION tally_tasks() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
        SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END,
            queue, coalesce(wait_reason, status), sum(side)
        FROM (SELECT 1 AS side, new_rows.* FROM new_rows UNION ALL SELECT -1, old_rows.* FROM old_rows) AS sides
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(side) <> 0;
    ELSE
        INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
        SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END,
            queue, coalesce(wait_reason, status), -count(*)
        FROM old_rows GROUP BY 1, 2, 3, 4, 5;
    END IF;
    RETURN NULL;
END
$$;

-- TRIGGER tally_tasks(): notes how many tasks of each kind a DELETE of tasks made fewer. tasks_inserted() and
-- tasks_updated() do so for the other changes.
-- Locks nothing that anybody waits for.
CREATE OR REPLACE FUNCTION tally_tasks() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
    SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END,
        queue, coalesce(wait_reason, status), -count(*)
    FROM old_rows GROUP BY 1, 2, 3, 4, 5;
    RETURN NULL;
END
$$;

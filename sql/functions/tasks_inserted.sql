-- tasks_inserted(): statement trigger after INSERT on tasks. Files the lanes that got work, wakes dispatchers
-- (also for a task of the future: their timer must be set to it) and tells watchers. Raises 42501 for another's tenant.
-- Locks nothing that another producer waits for.
CREATE OR REPLACE FUNCTION tasks_inserted() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF session_tenants() IS NOT NULL THEN
        PERFORM require_tenants(ARRAY(SELECT DISTINCT tenant_id FROM new_rows));
    END IF;
    INSERT INTO lane_inbox (lane, tool, account, model, tenant_id, queue, priority, number, created_at)
    SELECT lane, tool, account, model, tenant_id, queue, priority, min(number), min(created_at)
    FROM new_rows WHERE status = 'queued' AND wait_reason IS NULL
    GROUP BY lane, tool, account, model, tenant_id, queue, priority;

    PERFORM pg_notify('task_ready', tool) FROM (SELECT DISTINCT tool FROM new_rows) AS tools_with_work;
    PERFORM notify_task_event(status, array_agg(number ORDER BY number)) FROM new_rows GROUP BY status;
    RETURN NULL;
END
$$;

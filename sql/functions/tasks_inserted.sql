-- tasks_inserted(): statement trigger after INSERT on tasks. Files the lanes that got work, wakes dispatchers
-- (also for a task of the future: their timer must be set to it) and tells watchers. Raises 42501 for another's tenant.
-- Locks nothing that another producer waits for.
CREATE OR REPLACE FUNCTION tasks_inserted() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    event record;
BEGIN
    PERFORM require_tenants(ARRAY(SELECT DISTINCT tenant_id FROM new_rows));
    INSERT INTO lane_inbox (lane, tool, account, model, tenant_id, queue, priority, number)
    SELECT lane, tool, account, model, tenant_id, queue, priority, min(number)
    FROM new_rows WHERE status = 'queued' AND wait_reason IS NULL
    GROUP BY lane, tool, account, model, tenant_id, queue, priority;

    PERFORM pg_notify('task_ready', tool) FROM (SELECT DISTINCT tool FROM new_rows) AS tools_with_work;
    FOR event IN SELECT status, array_agg(number ORDER BY number) AS numbers FROM new_rows GROUP BY status LOOP
        PERFORM notify_task_event(event.status, event.numbers);
    END LOOP;
    IF EXISTS (SELECT FROM new_rows WHERE status IN ('leased', 'running')) THEN
        RAISE EXCEPTION 'a task starts its life queued, not leased or running' USING ERRCODE = 'LD400';
    END IF;
    RETURN NULL;
END
$$;

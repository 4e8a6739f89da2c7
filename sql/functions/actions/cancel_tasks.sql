-- INTERNAL cancel_tasks(tasks): cancels those of these tasks that are queued, and asks those that are leased or
-- running to stop. The caller has locked them.
CREATE OR REPLACE FUNCTION cancel_tasks(p_ids uuid []) RETURNS void
LANGUAGE sql VOLATILE
SET enable_seqscan = off
AS $$
    UPDATE tasks SET status = 'canceled', wait_reason = NULL, error_class = 'canceled',
        cancel_requested_at = clock(), finished_at = clock(), result = NULL, question = NULL, follow_up = NULL,
        updated_at = clock()
    WHERE id = ANY(p_ids) AND status = 'queued';

    WITH asked AS (
        UPDATE tasks SET cancel_requested_at = coalesce(cancel_requested_at, clock()), updated_at = clock()
        WHERE id = ANY(p_ids) AND status IN ('leased', 'running')
        RETURNING number
    )
    SELECT pg_notify('task_cancel', number::text) FROM asked;
$$;

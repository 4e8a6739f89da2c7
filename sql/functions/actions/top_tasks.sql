-- INTERNAL top_tasks(tasks): moves queued tasks before all that can be submitted, whose priorities are 1 to 9. Since when
-- they have been ready stays as it is: see tasks_ready_in_queue. The caller has locked them.
CREATE OR REPLACE FUNCTION top_tasks(p_ids uuid []) RETURNS void
LANGUAGE sql VOLATILE
SET enable_seqscan = off
AS $$
    UPDATE tasks SET priority = 10 WHERE id = ANY(p_ids) AND status = 'queued' AND priority < 10
$$;

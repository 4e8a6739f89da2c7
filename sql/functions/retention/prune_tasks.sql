-- prune_tasks(older_than, most): deletes tasks that ended longer ago than so many seconds, oldest first, with their runs,
-- output and files; at most so many, and about 64 MB of them. Answers what went; call it again until nothing does.
--   SELECT * FROM prune_tasks(90 * 86400);
-- A task whose session another task goes on with stays until that one is gone: a reply that is tried again needs it. So
-- a chain of replies goes from its end, a link a call. The idempotency key of a task is free when the task is gone.
-- Nobody is notified: tasks that have ended hold no slot, and nobody waits for them.
-- Locks: the tasks (SKIP LOCKED), and by the foreign keys their runs. No claim, report or new task waits for these; a
-- retry of such a task, a reply to it, or a task with its very key waits for the end of the call.
-- Cost: that of the rows deleted, however many others there are.
CREATE OR REPLACE FUNCTION prune_tasks(p_older_than_s double precision, p_most integer DEFAULT 200)
RETURNS TABLE (tasks bigint, runs bigint, bytes bigint)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    c_bytes CONSTANT bigint := 64 * 1024 * 1024;
    v_before timestamptz := clock() - make_interval(secs => p_older_than_s);
    v_ids uuid [];
BEGIN
    v_ids := ARRAY(
        SELECT id FROM tasks WHERE finished_at < v_before AND NOT is_continued(id)
        ORDER BY finished_at LIMIT p_most FOR UPDATE SKIP LOCKED
    );
    -- Looked at once more, now that none of them can get a reply: one may have come before we had the lock.
    SELECT array_agg(id), count(*), coalesce(sum(weighed.runs), 0), coalesce(sum(weight), 0)
    INTO v_ids, tasks, runs, bytes
    FROM (
        SELECT id, weight, counted.runs, sum(weight) OVER (ORDER BY position) - weight AS before
        FROM unnest(v_ids) WITH ORDINALITY AS picked (id, position)
        CROSS JOIN LATERAL weigh_task(id) AS counted
        WHERE NOT is_continued(id)
    ) AS weighed
    WHERE before < c_bytes;
    DELETE FROM tasks WHERE id = ANY(v_ids);
    RETURN NEXT;
END
$$;

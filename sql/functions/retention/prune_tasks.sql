-- API prune_tasks(older_than_s, most): deletes tasks that ended more than so many seconds ago, with their runs, output
-- and files. Oldest tasks first, at most `most` of them and about 64 MB in one call. Returns what it deleted; call it
-- again until it returns no task.
--   SELECT * FROM prune_tasks(90 * 86400);
-- A task whose session another task continues stays until that one is gone, since a reply that is tried again needs the
-- session. So a chain of replies goes from its end, one link a call. When a task is gone, its idempotency key is free.
-- So does a task that another one needs, see is_needed(): what depends on others goes before them.
-- Nobody is notified: tasks that have ended hold no slot, and nobody waits for them.
-- Locks: the tasks (SKIP LOCKED) and, by foreign key, their runs; the sets of tries by id. No claim, report or new task waits for these. A retry
-- of such a task, a reply to it, or a new task with its idempotency key waits for the end of the call.
-- Cost: that of the rows deleted, however many others there are.
CREATE OR REPLACE FUNCTION prune_tasks(p_older_than_s double precision, p_most integer DEFAULT 200)
RETURNS TABLE (tasks bigint, runs bigint, bytes bigint)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_before timestamptz := clock() - make_interval(secs => p_older_than_s);
    v_ids uuid [];
    v_sets uuid [];
BEGIN
    v_ids := ARRAY(
        SELECT id FROM tasks WHERE finished_at < v_before AND NOT is_continued(id) AND NOT is_needed(id)
        ORDER BY finished_at LIMIT p_most FOR UPDATE SKIP LOCKED
    );
    -- A reply, or a task that comes after it, may have come before we had the lock, and none can come now: so look once more.
    v_ids := ARRAY(
        SELECT id FROM unnest(v_ids) WITH ORDINALITY AS locked (id, position) WHERE NOT is_continued(id) AND NOT is_needed(id)
        ORDER BY position
    );
    SELECT first.ids, cardinality(first.ids), first.runs, first.bytes INTO v_ids, tasks, runs, bytes
    FROM first_to_prune(v_ids, p_output_only => false) AS first;
    v_sets := ARRAY(SELECT DISTINCT try_set FROM tasks WHERE id = ANY(v_ids) AND try_set IS NOT NULL);
    DELETE FROM tasks WHERE id = ANY(v_ids);
    IF v_sets <> '{}' THEN
        -- Another call may delete the others of a set at this moment: who comes second sees that none is left.
        PERFORM FROM try_sets WHERE id = ANY(v_sets) ORDER BY id FOR UPDATE;
        DELETE FROM try_sets
        WHERE id = ANY(v_sets) AND NOT EXISTS (SELECT FROM tasks WHERE tasks.try_set = try_sets.id);
    END IF;
    RETURN NEXT;
END
$$;

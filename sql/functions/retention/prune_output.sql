-- API prune_output(older_than_s, most): deletes what agents printed for tasks that ended more than so many seconds ago.
-- Oldest tasks first, at most `most` of them and about 64 MB in one call. Returns how many tasks that were and how many
-- bytes; call it again until it returns none. The runs stay, with the answer, the first 10,000 characters of stdout and
-- the last ones of stderr, of setup and of check. The log of a task goes as a whole, so nobody ever reads a part of one.
-- Locks: the tasks (SKIP LOCKED); prune_tasks() says who waits for these.
CREATE OR REPLACE FUNCTION prune_output(p_older_than_s double precision, p_most integer DEFAULT 500)
RETURNS TABLE (tasks bigint, bytes bigint)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_before timestamptz := clock() - make_interval(secs => p_older_than_s);
    v_ids uuid [];
BEGIN
    v_ids := ARRAY(
        SELECT id FROM tasks
        WHERE finished_at < v_before AND finished_at > coalesce(output_pruned_at, '-infinity')
        ORDER BY finished_at LIMIT p_most FOR NO KEY UPDATE SKIP LOCKED
    );
    SELECT first.ids, cardinality(first.ids), first.bytes INTO v_ids, tasks, bytes
    FROM first_to_prune(v_ids, p_output_only => true) AS first;
    DELETE FROM run_output
    WHERE run_id = ANY(ARRAY(SELECT task_runs.id FROM task_runs WHERE task_id = ANY(v_ids)));
    UPDATE tasks SET output_pruned_at = clock() WHERE id = ANY(v_ids);
    RETURN NEXT;
END
$$;

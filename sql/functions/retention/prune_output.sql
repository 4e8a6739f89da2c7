-- prune_output(older_than, most): deletes what agents printed for tasks that ended longer ago than so many seconds,
-- oldest first, of at most so many tasks and about 64 MB. The runs stay, with the answer, the first 10,000 characters of
-- stdout and the last ones of stderr. Answers of how many tasks, and how much; call it again until there is none.
-- A log goes as a whole, so nobody ever reads a part of one.
-- Locks: the tasks (SKIP LOCKED); who waits for these is said at prune_tasks().
CREATE OR REPLACE FUNCTION prune_output(p_older_than_s double precision, p_most integer DEFAULT 500)
RETURNS TABLE (tasks bigint, bytes bigint)
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
        SELECT id FROM tasks
        WHERE finished_at < v_before AND finished_at > coalesce(output_pruned_at, '-infinity')
        ORDER BY finished_at LIMIT p_most FOR NO KEY UPDATE SKIP LOCKED
    );
    SELECT array_agg(id), count(*), coalesce(sum(output), 0) INTO v_ids, tasks, bytes
    FROM (
        SELECT id, output, sum(output) OVER (ORDER BY position) - output AS before
        FROM unnest(v_ids) WITH ORDINALITY AS picked (id, position) CROSS JOIN LATERAL weigh_task(id) AS counted
    ) AS weighed
    WHERE before < c_bytes;
    DELETE FROM run_output
    WHERE run_id = ANY(ARRAY(SELECT task_runs.id FROM task_runs WHERE task_id = ANY(v_ids)));
    UPDATE tasks SET output_pruned_at = clock() WHERE id = ANY(v_ids);
    RETURN NEXT;
END
$$;

-- INTERNAL prepare_judge(set): makes a judge that waits for its tries ready, once all of them have ended or wait for
-- approval. It gets a file tries/NUMBER.txt of each that has a result: the answer of its agent; and tries/NUMBER.patch:
-- what it changed, of which it gets the first MiB. If a single try has a result, that is picked without a run, and if
-- none has, the judge is canceled.
-- Only settle_tries() calls this.
CREATE OR REPLACE FUNCTION prepare_judge(p_set try_sets) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_tries bigint [];
BEGIN
    IF NOT EXISTS (SELECT FROM tasks WHERE id = p_set.judge AND wait_reason = 'dependency') OR EXISTS (
        SELECT FROM tasks WHERE try_set = p_set.id AND id <> p_set.judge
            AND status IN ('queued', 'leased', 'running') AND wait_reason IS DISTINCT FROM 'approval'
    ) THEN
        RETURN;
    END IF;
    v_tries := ARRAY(
        SELECT number FROM tasks
        WHERE try_set = p_set.id AND id <> p_set.judge AND (status = 'succeeded' OR wait_reason = 'approval')
        ORDER BY number
    );
    IF v_tries = '{}' THEN
        UPDATE tasks SET status = 'canceled', wait_reason = NULL, error_class = 'canceled',
            error_message = 'none of its tries succeeded', finished_at = clock(), updated_at = clock()
        WHERE id = p_set.judge;
    ELSIF cardinality(v_tries) = 1 THEN
        UPDATE tasks SET status = 'succeeded', wait_reason = NULL, finished_at = clock(), updated_at = clock(),
            result = jsonb_build_object('text', format(e'PICK: %s\nNo other try succeeded.', v_tries[1]))
        WHERE id = p_set.judge;
    ELSE
        PERFORM hand_over_tries(p_set.judge, v_tries);
        UPDATE tasks SET wait_reason = NULL, updated_at = clock(), input_files = (
            SELECT jsonb_agg(path ORDER BY path) FROM task_files WHERE task_id = p_set.judge AND is_input
        ) WHERE id = p_set.judge;
    END IF;
END
$$;

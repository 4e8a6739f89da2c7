-- INTERNAL take_try(set, task): makes a task the picked one of its set, and cancels all others that have not ended, besides
-- what a rule allows only one of. The caller has locked the set's tasks, and noted who decided.
CREATE OR REPLACE FUNCTION take_try(p_set try_sets, p_picked uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_number bigint := (SELECT number FROM tasks WHERE id = p_picked);
    v_others uuid [] := ARRAY(
        SELECT id FROM tasks
        WHERE try_set = p_set.id AND id <> p_picked AND status IN ('queued', 'leased', 'running')
    );
BEGIN
    UPDATE try_sets SET picked = p_picked WHERE id = p_set.id;
    PERFORM cancel_tasks(v_others);
    UPDATE tasks SET error_message = format('task %s was picked', v_number) WHERE id = ANY(v_others);
    IF p_set.pick = 'first-green' THEN
        UPDATE tasks SET status = 'canceled', error_class = 'canceled', result = NULL,
            error_message = format('task %s was picked', v_number), updated_at = clock()
        WHERE try_set = p_set.id AND id <> p_picked AND status = 'succeeded';
    END IF;
END
$$;

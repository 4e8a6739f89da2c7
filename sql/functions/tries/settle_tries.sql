-- INTERNAL settle_tries(tasks): decides about the sets of tries of these tasks, whose states have just changed. Once a try
-- is picked, all others that have not ended are canceled: those that run are asked to stop. first-green picks the first
-- try that succeeded; of several that ended in this transaction one stays so, and the others are canceled, too. A judge
-- is ready when all tries have ended, see prepare_judge(); when it has succeeded, what it names is picked.
-- A try that somebody queues again after the pick is a task like any other.
-- The caller has locked the tasks and those that with_tries() adds, so nobody else settles these sets now.
CREATE OR REPLACE FUNCTION settle_tries(p_ids uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_sets uuid [] := ARRAY(SELECT DISTINCT try_set FROM tasks WHERE id = ANY(p_ids) AND try_set IS NOT NULL);
    v_set try_sets;
    v_picked uuid;
BEGIN
    IF v_sets = '{}' THEN
        RETURN;
    END IF;
    FOR v_set IN SELECT * FROM try_sets WHERE id = ANY(v_sets) ORDER BY id LOOP
        IF v_set.picked IS NULL THEN
            IF v_set.judge IS NOT NULL THEN
                PERFORM prepare_judge(v_set);
                SELECT try_named_by(v_set.id, result ->> 'text') INTO v_picked FROM tasks
                WHERE id = v_set.judge AND status = 'succeeded';
            ELSE
                SELECT id INTO v_picked FROM tasks WHERE try_set = v_set.id AND status = 'succeeded'
                ORDER BY finished_at, number LIMIT 1;
            END IF;
            IF v_picked IS NOT NULL THEN
                PERFORM pick_try(v_set, v_picked);
            END IF;
        END IF;
        UPDATE try_sets SET is_open = seen.is_open
        FROM (
            SELECT EXISTS (
                SELECT FROM tasks WHERE try_set = v_set.id AND status IN ('queued', 'leased', 'running')
            ) AS is_open
        ) AS seen
        WHERE id = v_set.id AND try_sets.is_open <> seen.is_open;
    END LOOP;
END
$$;

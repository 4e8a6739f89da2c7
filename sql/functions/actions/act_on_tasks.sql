-- API act_on_tasks(action, select, expect, dry_run): cancels or retries all selected tasks for which allowed_actions()
-- says that it may be done now, in one statement and with the effects of cancel_task() or retry_task(). Returns how
-- many they are, and the first 1,000 numbers. Of several tasks that continue one session, a retry queues the first.
-- With a dry run nothing is changed.
--   SELECT * FROM act_on_tasks('cancel', '{"labels": {"batch": "x"}}', p_dry_run => true);
-- Locks: the tasks by id, then the sessions of replies. They are selected again under these locks, so that a task
-- which has started meanwhile is asked to stop, and one that has ended is left alone.
-- Cost: that of the tasks that are changed, and of the index that the selection is found by (10,000 of a label: 0.7 s
-- of CPU time). Raises LD400 for a selection or an action that is not valid, and LD409 when it is about another
-- number of tasks than `expect`.
CREATE OR REPLACE FUNCTION act_on_tasks(
    p_action text, p_select jsonb, p_expect bigint DEFAULT NULL, p_dry_run boolean DEFAULT false
)
RETURNS TABLE (matched bigint, numbers bigint [])
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_numbers bigint [];
    v_ids uuid [];
BEGIN
    IF p_action IS NULL OR p_action NOT IN ('cancel', 'retry') THEN
        RAISE EXCEPTION '% is not a valid action: expected cancel or retry', quote_nullable(p_action)
            USING ERRCODE = 'LD400';
    END IF;
    v_numbers := tasks_to_act_on(p_action, p_select);
    IF NOT p_dry_run THEN
        PERFORM FROM tasks WHERE number = ANY(v_numbers) ORDER BY id FOR NO KEY UPDATE;
        IF p_action = 'retry' THEN
            PERFORM lock_sessions(ARRAY(
                SELECT continues FROM tasks WHERE number = ANY(v_numbers) AND continues IS NOT NULL
            ));
        END IF;
        v_numbers := tasks_to_act_on(p_action, p_select, v_numbers);
    END IF;
    matched := cardinality(v_numbers);
    numbers := v_numbers[:1000];
    IF p_expect <> matched THEN
        RAISE EXCEPTION 'the selection is about % tasks now, and not %', matched, p_expect
            USING ERRCODE = 'LD409', HINT = 'look at them again';
    END IF;
    IF NOT p_dry_run THEN
        v_ids := ARRAY(SELECT id FROM tasks WHERE number = ANY(v_numbers));
        IF p_action = 'cancel' THEN
            PERFORM cancel_tasks(v_ids);
        ELSE
            PERFORM retry_tasks(v_ids);
        END IF;
    END IF;
    RETURN NEXT;
END
$$;

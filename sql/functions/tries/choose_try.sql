-- API choose_try(judge, task, message): picks a try by hand, where a judge has picked none: it named none, failed, or has
-- not judged yet. The others that have not ended are canceled, and the judge with them. Who picked, and the message, are
-- kept in task_decisions.
--   SELECT choose_try('12', '10', 'the shorter one');
-- Locks: the judge and its tries by id. Raises LD404; LD400 for a task that is no judge or none of its tries, or a message
-- that is too long; LD409 if another try is picked already, or the task has no result. To pick the same again does nothing.
CREATE OR REPLACE FUNCTION choose_try(p_judge text, p_task text, p_message text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_judge uuid := lock_task(p_judge);
    v_set try_sets;
    v_task tasks;
    v_picked bigint;
BEGIN
    SELECT * INTO v_set FROM try_sets WHERE judge = v_judge;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'task % judges no tries', p_judge USING ERRCODE = 'LD400',
            HINT = 'name the judge first and then one of its tries';
    END IF;
    SELECT * INTO v_task FROM tasks WHERE id = find_task(p_task);
    IF v_task.try_set IS DISTINCT FROM v_set.id OR v_task.id = v_judge THEN
        RAISE EXCEPTION 'task % is not one of the tries of task %: expected %', p_task, p_judge, (
            SELECT string_agg(number::text, ', ' ORDER BY number) FROM tasks WHERE try_set = v_set.id AND id <> v_judge
        ) USING ERRCODE = 'LD400';
    END IF;
    IF v_set.picked = v_task.id THEN
        RETURN;
    END IF;
    v_picked := (SELECT number FROM tasks WHERE id = v_set.picked);
    IF v_picked IS NOT NULL THEN
        RAISE EXCEPTION 'task % is picked already', v_picked USING ERRCODE = 'LD409',
            HINT = format('`llmctl apply %s` takes what you prefer', v_task.number);
    END IF;
    IF v_task.status <> 'succeeded' AND v_task.wait_reason IS DISTINCT FROM 'approval' THEN
        RAISE EXCEPTION 'task % is %: only a try with a result can be picked', v_task.number, state_word(v_task.status)
            USING ERRCODE = 'LD409';
    END IF;
    PERFORM note_decisions('picked', ARRAY[v_task.id], p_message);
    PERFORM take_try(v_set, v_task.id);
    PERFORM settle_tries(ARRAY[v_judge]);
END
$$;

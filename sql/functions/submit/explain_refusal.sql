-- API explain_refusal(tasks): raises the error of the first of these tasks that submit_tasks() refuses, with its place
-- in the array, from 1, in DETAIL. Not every refusal of submit_tasks() names a task: an unknown tool does not. It
-- queues nothing, and returns when no task alone is refused.
-- Cost: a search by halves, so at most about twice what submitting all of them takes; where tasks have steps, which others
-- may name, the beginning is submitted each time, see first_tasks().
-- Locks: as submit_tasks(), until it returns. Raises LD400, and 42501 for a tenant or a session that is not the caller's.
CREATE OR REPLACE FUNCTION explain_refusal(p_tasks jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_nothing_refused CONSTANT text := 'LD000';
    v_accepted bigint := 0;
    v_refused bigint := CASE jsonb_typeof(p_tasks) WHEN 'array' THEN jsonb_array_length(p_tasks) ELSE 0 END;
    v_middle bigint;
    v_has_steps boolean := p_tasks @? '$[*].step';
    v_state text;
    v_message text;
    v_hint text;
BEGIN
    WHILE v_accepted < v_refused LOOP
        v_middle := CASE v_refused - v_accepted WHEN 1 THEN v_refused ELSE (v_accepted + v_refused) / 2 END;
        BEGIN
            PERFORM submit_tasks(CASE WHEN v_has_steps THEN first_tasks(p_tasks, v_middle) ELSE (
                SELECT jsonb_agg(task ORDER BY place)
                FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS given (task, place)
                WHERE place > v_accepted AND place <= v_middle
            ) END);
            RAISE EXCEPTION 'they are queued: undo it' USING ERRCODE = c_nothing_refused;
        EXCEPTION WHEN SQLSTATE 'LD000' OR SQLSTATE 'LD400' OR insufficient_privilege THEN
            GET STACKED DIAGNOSTICS
                v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_hint = PG_EXCEPTION_HINT;
        END;
        IF v_state = c_nothing_refused THEN
            v_accepted := v_middle;
        ELSIF v_middle - v_accepted = 1 THEN
            RAISE EXCEPTION '%', v_message USING ERRCODE = v_state, HINT = v_hint, DETAIL = v_middle::text;
        ELSE
            v_refused := v_middle;
        END IF;
    END LOOP;
END
$$;

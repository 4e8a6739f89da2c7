-- API submit_tries(task, variants, pick, judge): queues several tries at one task, and returns a row for each as
-- submit_tasks() does, and one more for the judge.
--   SELECT * FROM submit_tries('{"tool": "claude", "prompt": "fix it"}', '[{}, {"tool": "codex"}]', 'first-green');
-- task is as submit_tasks() takes it. variants is an array with an object for each try, of 2 to 20: tool, model and
-- account, where they differ. pick says how one of them is picked, see settle_tries(): "first-green" (the first that
-- succeeds ends the others) or "judge": another task chooses among those that succeeded. judge describes that task:
-- any keys; by default it has the tool of the first try, and is told to compare their changes and answers.
-- All have a label: tries=NUMBER, with the number of the first. With an idempotency key a try has KEY#1, KEY#2, and so
-- on; if these are known, their rows are returned and nothing is queued.
-- Locks and errors: those of submit_tasks(). Raises LD400 for bad input, and LD409 if only some of the keys are known.
CREATE OR REPLACE FUNCTION submit_tries(
    p_task jsonb, p_variants jsonb, p_pick text DEFAULT 'first-green', p_judge jsonb DEFAULT NULL
)
RETURNS TABLE (ordinal bigint, id uuid, number bigint, status text, created boolean, same boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_tasks jsonb;
    v_set uuid := gen_random_uuid();
    v_rows jsonb;
    v_ids uuid [];
BEGIN
    PERFORM require_tries(p_task, p_variants, p_pick, p_judge);
    v_tasks := tries_as_tasks(p_task, p_variants, p_pick, p_judge);
    SELECT jsonb_agg(queued), array_agg(queued.id) INTO v_rows, v_ids FROM submit_tasks(v_tasks) AS queued;
    IF NOT v_rows @? '$[*] ? (@.created == false)' THEN
        INSERT INTO try_sets (id, pick, judge)
        VALUES (v_set, p_pick, CASE WHEN p_pick = 'judge' THEN v_ids[cardinality(v_ids)] END);
        UPDATE tasks SET try_set = v_set, wait_reason = CASE
                WHEN p_pick = 'judge' AND tasks.id = v_ids[cardinality(v_ids)] THEN 'dependency' ELSE wait_reason
            END
        WHERE tasks.id = ANY(v_ids);
        PERFORM edit_tasks(v_ids, jsonb_build_object(
            'labels', jsonb_build_object('tries', v_rows -> 0 ->> 'number')));
    ELSIF v_rows @? '$[*] ? (@.created == true)' THEN
        RAISE EXCEPTION 'the key % is known with another number of tries', p_task -> 'idempotency_key'
            USING ERRCODE = 'LD409', HINT = 'give another key';
    END IF;
    RETURN QUERY SELECT queued.* FROM jsonb_to_recordset(v_rows) AS queued (
        ordinal bigint, id uuid, number bigint, status text, created boolean, same boolean
    ) ORDER BY 1;
END
$$;

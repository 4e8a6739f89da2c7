-- INTERNAL first_waiting(selection, limit): returns the numbers of the first queued tasks of a selection that are not
-- ready: those whose time comes next, then those that wait for no time. `is_short`: it gave up before it had so many,
-- see first_fitting().
-- Of those that wait for a time the first 1,000 are looked at. If few of these fit, the others are the first by number.
CREATE OR REPLACE FUNCTION first_waiting(
    p_selection task_selection, p_limit integer, OUT numbers bigint [], OUT is_short boolean
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    v_next bigint;
    v_walked bigint [];
BEGIN
    p_selection.states := ARRAY(
        SELECT state FROM unnest(coalesce(p_selection.states, '{scheduled,retry,limit,dependency,held,question,approval}')) AS state
        WHERE state IN ('scheduled', 'retry', 'limit', 'dependency', 'held', 'question', 'approval')
    );
    is_short := false;
    numbers := '{}';
    IF p_limit <= 0 OR p_selection.states = '{}' THEN
        RETURN;
    END IF;
    numbers := ARRAY(
        SELECT t.number FROM tasks AS t
        WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM tasks
            WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit')
            ORDER BY ready_at LIMIT 1000
        )) AND task_fits(t, p_selection)
        ORDER BY ready_at, number LIMIT p_limit
    );
    IF cardinality(numbers) < p_limit THEN
        SELECT walked.numbers, walked.next INTO v_walked, v_next
        FROM first_fitting(p_selection, NULL, p_limit, true) AS walked;
        is_short := v_next IS NOT NULL AND cardinality(v_walked) < p_limit;
        numbers := ARRAY(
            SELECT t.number FROM tasks AS t WHERE t.number = ANY(numbers || v_walked)
            ORDER BY ready_at, t.number LIMIT p_limit
        );
    END IF;
END
$$;

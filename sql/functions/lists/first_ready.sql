-- INTERNAL first_ready(selection, limit): returns the numbers of the first ready tasks of a selection, by priority and
-- then by number. `is_short`: it gave up before it had so many, see first_fitting().
-- Of those above the usual priority the first 1,000 are looked at. The others are the first by number, and only among
-- them the priority decides: a million tasks have no other order that is kept.
CREATE OR REPLACE FUNCTION first_ready(
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
        SELECT state FROM unnest(coalesce(p_selection.states, '{queued,budget}')) AS state
        WHERE state IN ('queued', 'budget')
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
            WHERE status = 'queued' AND wait_reason IS NULL AND priority > 5
            ORDER BY priority DESC, number LIMIT 1000
        )) AND task_fits(t, p_selection)
        ORDER BY priority DESC, number LIMIT p_limit
    );
    IF cardinality(numbers) < p_limit THEN
        SELECT walked.numbers, walked.next INTO v_walked, v_next
        FROM first_fitting(p_selection, NULL, p_limit, true) AS walked;
        is_short := v_next IS NOT NULL AND cardinality(v_walked) < p_limit;
        numbers := ARRAY(
            SELECT t.number FROM tasks AS t WHERE t.number = ANY(numbers || v_walked)
            ORDER BY priority DESC, t.number LIMIT p_limit
        );
    END IF;
END
$$;

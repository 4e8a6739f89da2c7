-- INTERNAL first_ended(selection, limit): returns the numbers of the tasks of a selection that ended last, the last one
-- first. `is_short`: it gave up before it had so many, see first_fitting().
-- Of all tasks the 1,000 that ended last are looked at. If few of these fit, the others are the last by number.
CREATE OR REPLACE FUNCTION first_ended(
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
        SELECT state FROM unnest(coalesce(p_selection.states, '{succeeded,failed,canceled}')) AS state
        WHERE state IN ('succeeded', 'failed', 'canceled')
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
            WHERE finished_at IS NOT NULL
            ORDER BY finished_at DESC LIMIT 1000
        )) AND task_fits(t, p_selection)
        ORDER BY finished_at DESC, number LIMIT p_limit
    );
    IF cardinality(numbers) < p_limit THEN
        SELECT walked.numbers, walked.next INTO v_walked, v_next
        FROM first_fitting(p_selection, NULL, p_limit) AS walked;
        is_short := v_next IS NOT NULL AND cardinality(v_walked) < p_limit;
        numbers := ARRAY(
            SELECT t.number FROM tasks AS t WHERE t.number = ANY(numbers || v_walked)
            ORDER BY finished_at DESC, t.number LIMIT p_limit
        );
    END IF;
END
$$;

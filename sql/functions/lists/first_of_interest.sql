-- INTERNAL first_of_interest(selection, limit): returns the numbers of the first tasks of a selection in the order of
-- list_tasks(): sorted truly if at most 1,000 may fit, else as far as the indexes know the order.
-- Cost: flat in the number of tasks, unless few tasks fit that no index finds, as a name that hardly any task has. Then
-- all tasks are looked at, since a list must not leave out what is there (measured: a million take 0.5 s).
CREATE OR REPLACE FUNCTION first_of_interest(p_selection task_selection, p_limit integer) RETURNS bigint []
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_few bigint [] := few_candidates(p_selection, 1000);
    v_numbers bigint [];
    v_class record;
    v_is_short boolean := v_few IS NOT NULL;
BEGIN
    IF NOT v_is_short THEN
        v_numbers := first_active(p_selection, p_limit);
        v_class := first_ready(p_selection, p_limit - cardinality(v_numbers));
        v_numbers := v_numbers || v_class.numbers;
        v_is_short := v_class.is_short;
    END IF;
    IF NOT v_is_short THEN
        v_class := first_waiting(p_selection, p_limit - cardinality(v_numbers));
        v_numbers := v_numbers || v_class.numbers;
        v_is_short := v_class.is_short;
    END IF;
    IF NOT v_is_short THEN
        v_class := first_ended(p_selection, p_limit - cardinality(v_numbers));
        v_numbers := v_numbers || v_class.numbers;
        v_is_short := v_class.is_short;
    END IF;
    IF NOT v_is_short THEN
        RETURN v_numbers;
    END IF;
    RETURN ARRAY(
        SELECT number FROM (
            SELECT number, status, wait_reason, priority, started_at, ready_at, finished_at FROM tasks AS t
            WHERE v_few IS NOT NULL AND number = ANY(v_few) AND task_fits(t, p_selection)
            UNION ALL
            SELECT number, status, wait_reason, priority, started_at, ready_at, finished_at FROM tasks AS t
            WHERE v_few IS NULL AND number >= (p_selection).first_number
                AND number < coalesce((p_selection).end_number, 9223372036854775807) AND task_fits(t, p_selection)
        ) AS fitting
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN status IN ('leased', 'running') THEN 1
                WHEN status = 'queued' AND wait_reason IS NULL THEN 2
                WHEN status = 'queued' THEN 3
                ELSE 4
            END AS interest
        ) AS ranked
        ORDER BY interest, CASE interest WHEN 1 THEN started_at WHEN 3 THEN ready_at END,
            CASE interest WHEN 2 THEN -priority END, finished_at DESC NULLS FIRST, number
        LIMIT p_limit
    );
END
$$;

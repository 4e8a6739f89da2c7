-- INTERNAL few_candidates(selection, most): returns the numbers of all tasks that may be selected, if they are at most
-- so many; else null. To look at more than 20,000 of them one by one costs more than a walk through the table.
CREATE OR REPLACE FUNCTION few_candidates(p_selection task_selection, p_most integer DEFAULT 20000) RETURNS bigint []
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_end bigint := coalesce((p_selection).end_number, 9223372036854775807);
    v_way record := way_to_walk(p_selection, v_end);
    v_candidates bigint [];
BEGIN
    v_candidates := ARRAY(
        SELECT candidate_tasks(
            p_selection, v_way.way, v_way.keys, (p_selection).first_number, v_end, true, p_most + 1)
    );
    RETURN CASE WHEN cardinality(v_candidates) <= p_most THEN v_candidates END;
END
$$;

-- INTERNAL selected_tasks(selection, among): returns the numbers of all tasks that are selected, lowest first: of all
-- tasks, or of those that are given.
-- Cost: that of the entries of the narrowest index, and a look at each task there.
CREATE OR REPLACE FUNCTION selected_tasks(p_selection task_selection, p_among bigint [] DEFAULT NULL)
RETURNS bigint []
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    v_end bigint := coalesce((p_selection).end_number, 9223372036854775807);
    v_way record;
BEGIN
    IF p_among IS NULL THEN
        v_way := way_to_walk(p_selection, v_end);
        IF v_way.way = 'number' THEN
            RETURN ARRAY(
                SELECT number FROM tasks AS t
                WHERE number >= (p_selection).first_number AND number < v_end AND task_fits(t, p_selection)
                ORDER BY number
            );
        END IF;
        p_among := ARRAY(
            SELECT candidate_tasks(
                p_selection, v_way.way, v_way.keys, (p_selection).first_number, v_end, true, NULL)
        );
    END IF;
    RETURN ARRAY(
        SELECT number FROM unnest(p_among) AS number JOIN tasks AS t USING (number)
        WHERE task_fits(t, p_selection) ORDER BY number
    );
END
$$;

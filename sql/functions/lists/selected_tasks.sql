-- INTERNAL selected_tasks(selection, among): returns the numbers of all tasks that are selected, lowest first: of all
-- tasks, or of those that are given.
-- Cost: that of the candidates, see few_candidates(), or a walk through the table where they are many.
CREATE OR REPLACE FUNCTION selected_tasks(p_selection task_selection, p_among bigint [] DEFAULT NULL)
RETURNS bigint []
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    p_among := coalesce(p_among, few_candidates(p_selection));
    IF p_among IS NULL THEN
        RETURN ARRAY(
            SELECT number FROM tasks AS t
            WHERE number >= (p_selection).first_number
                AND number < coalesce((p_selection).end_number, 9223372036854775807) AND task_fits(t, p_selection)
            ORDER BY number
        );
    END IF;
    RETURN ARRAY(
        SELECT number FROM tasks AS t WHERE number = ANY(p_among) AND task_fits(t, p_selection) ORDER BY number
    );
END
$$;

-- INTERNAL first_active(selection, limit): returns the numbers of the first tasks of a selection that are leased or
-- running, the longest first.
CREATE OR REPLACE FUNCTION first_active(p_selection task_selection, p_limit integer) RETURNS bigint []
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT ARRAY(
        SELECT number FROM tasks AS t
        WHERE status IN ('leased', 'running') AND leased_by IS NOT NULL AND task_fits(t, p_selection)
        ORDER BY started_at, number LIMIT p_limit
    )
$$;

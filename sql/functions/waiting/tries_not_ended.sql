-- INTERNAL tries_not_ended(set): returns the numbers of the tries that a judge waits for, as people read them: "12, 13".
-- Null if it waits for none.
CREATE OR REPLACE FUNCTION tries_not_ended(p_set uuid) RETURNS text
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT string_agg(number::text, ', ' ORDER BY number) FROM tasks
    WHERE try_set = p_set AND status IN ('queued', 'leased', 'running') AND wait_reason IS DISTINCT FROM 'approval'
        AND id <> (SELECT judge FROM try_sets WHERE try_sets.id = p_set)
$$;

-- INTERNAL tries_not_ended(set): returns the numbers of the tries that a judge waits for, as people read them: "12, 13".
-- Null if it waits for none.
CREATE OR REPLACE FUNCTION tries_not_ended(p_set uuid) RETURNS text
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT string_agg(number::text, ', ' ORDER BY number) FROM tasks
    WHERE try_set = p_set AND status IN ('queued', 'leased', 'running')
        AND coalesce(wait_reason, '') NOT IN ('approval', 'dependency')
$$;

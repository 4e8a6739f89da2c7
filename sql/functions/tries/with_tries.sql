-- INTERNAL with_tries(tasks): returns these tasks and all that are tries beside one of them, with their judges: what is
-- to be locked together, since the end of one may decide about the others. They are together for ever, so nothing
-- changes between this and the locks.
CREATE OR REPLACE FUNCTION with_tries(p_ids uuid []) RETURNS uuid []
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
    v_sets uuid [] := ARRAY(SELECT DISTINCT try_set FROM tasks WHERE id = ANY(p_ids) AND try_set IS NOT NULL);
BEGIN
    IF v_sets = '{}' THEN
        RETURN p_ids;
    END IF;
    RETURN p_ids || ARRAY(SELECT id FROM tasks WHERE try_set = ANY(v_sets) AND id <> ALL(p_ids));
END
$$;

-- INTERNAL settle_inbox(): goes on where settle_needs() stopped, with up to 1,000 tasks, and decides about sets of tries
-- of which some were given up or are queued again. What others hold stays for the next claim. Returns whether there is more
-- that nobody holds.
-- Locks: the tasks in share mode, so that none is queued again or ends at this moment, and sets of tries as a whole (SKIP
-- LOCKED). Only catch_up() calls this, under the claim lock.
CREATE OR REPLACE FUNCTION settle_inbox() RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_taken uuid [];
    v_free uuid [];
    v_tries uuid [];
    v_locked uuid [];
    v_is_more boolean := (SELECT count(*) > 1000 FROM (SELECT FROM dependency_inbox LIMIT 1001) AS first_ones);
BEGIN
    WITH taken AS (
        DELETE FROM dependency_inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM dependency_inbox LIMIT 1000)) RETURNING needs
    )
    SELECT array_agg(DISTINCT needs) INTO v_taken FROM taken;
    v_tries := with_tries(ARRAY(SELECT id FROM tasks WHERE id = ANY(v_taken) AND try_set IS NOT NULL));
    IF v_tries <> '{}' THEN
        v_locked := ARRAY(SELECT id FROM tasks WHERE id = ANY(v_tries) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED);
        v_tries := whole_sets(v_locked, v_locked);
        PERFORM reopen_judges(v_tries);
        PERFORM settle_tries(v_tries);
    END IF;
    v_free := ARRAY(
        SELECT id FROM tasks WHERE id = ANY(v_taken) AND (try_set IS NULL OR id = ANY(v_tries)) FOR SHARE SKIP LOCKED
    );
    INSERT INTO dependency_inbox (needs)
    SELECT id FROM tasks WHERE id = ANY(v_taken) AND id <> ALL(v_free);
    RETURN settle_needs(v_free) OR v_is_more;
END
$$;

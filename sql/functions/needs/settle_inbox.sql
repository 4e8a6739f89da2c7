-- INTERNAL settle_inbox(): goes on where settle_needs() stopped, with up to 1,000 tasks, and decides about sets of tries
-- of which some were given up or are queued again. What others hold stays for the next claim. Returns whether the next claim
-- should follow at once, since there is more and this one got ahead. If it did not, others hold all that it looked at, and it
-- is time to look again in 50 ms.
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
    v_is_more boolean;
    v_before bigint := (SELECT count(*) FROM dependency_inbox);
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
    v_is_more := settle_needs(v_free, p_is_claim => true);
    -- In a statement of its own, which sees what settle_needs() has left.
    RETURN v_is_more OR v_before > 1000 AND v_before > (SELECT count(*) FROM dependency_inbox);
END
$$;

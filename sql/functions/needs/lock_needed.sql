-- INTERNAL lock_needed(needs, kinds, created): locks the tasks that new ones need, which are no new ones themselves, so that
-- each end that is under way is waited for, and none comes before this transaction ends. Of a tree all is locked that
-- has been spawned; that may be more when we have waited, so it is looked up again. The transaction may not idle for
-- long when reports need these tasks, see bound_transaction(). Only file_needs() calls this.
-- Locks: the tasks by id, in share mode.
CREATE OR REPLACE FUNCTION lock_needed(p_needs uuid [], p_kinds text [], p_created uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_others uuid [] := ARRAY(SELECT DISTINCT need FROM unnest(p_needs) AS need WHERE need <> ALL(p_created));
    v_trees uuid [] := ARRAY(
        SELECT DISTINCT need FROM unnest(p_needs, p_kinds) AS asked (need, kind) WHERE kind = 'tree' AND need = ANY(v_others)
    );
    v_found uuid [] := v_others || tasks_below(v_trees);
    v_locked uuid [] := '{}';
BEGIN
    WHILE cardinality(v_found) > 0 LOOP
        PERFORM FROM tasks WHERE id = ANY(v_found) ORDER BY id FOR SHARE;
        v_locked := v_locked || v_found;
        v_found := ARRAY(SELECT id FROM unnest(tasks_below(v_trees)) AS id WHERE id <> ALL(v_locked));
    END LOOP;
    IF EXISTS (SELECT FROM tasks WHERE id = ANY(v_locked) AND status IN ('queued', 'leased', 'running')) THEN
        PERFORM bound_transaction();
    END IF;
END
$$;

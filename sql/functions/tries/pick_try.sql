-- INTERNAL pick_try(set, task): writes down which try of a set is picked and by which task or rule, and takes it. Only
-- settle_tries() calls this; a person picks by choose_try().
CREATE OR REPLACE FUNCTION pick_try(p_set try_sets, p_picked uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
BEGIN
    PERFORM note_decisions(
        'picked', ARRAY[p_picked], (SELECT left(result ->> 'text', 4000) FROM tasks WHERE id = p_set.judge),
        coalesce((SELECT 'task ' || number FROM tasks WHERE id = p_set.judge), 'rule ' || quote_literal(p_set.pick)));
    PERFORM take_try(p_set, p_picked);
END
$$;

-- INTERNAL lock_cascade(tasks): locks these tasks and all that is there because of them, see tasks_because_of(), by id, with
-- the tries beside them. More may be there when others have ended meanwhile: that is looked up again and locked, too.
CREATE OR REPLACE FUNCTION lock_cascade(p_ids uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_found uuid [] := p_ids || tasks_because_of(p_ids);
    v_locked uuid [] := '{}';
BEGIN
    WHILE cardinality(v_found) > 0 LOOP
        PERFORM lock_with_tries(v_found);
        v_locked := v_locked || v_found;
        v_found := ARRAY(SELECT id FROM unnest(tasks_because_of(p_ids)) AS id WHERE id <> ALL(v_locked));
    END LOOP;
END
$$;

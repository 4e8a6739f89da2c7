-- INTERNAL require_error_classes(names): raises LD400 for a name that is not an error class which uses up an attempt, or
-- may do so. A task can decide only for these whether they are worth another attempt.
CREATE OR REPLACE FUNCTION require_error_classes(p_names text []) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_unknown text;
BEGIN
    SELECT name INTO v_unknown FROM unnest(p_names) AS name
    WHERE name NOT IN (SELECT error_classes.name FROM error_classes WHERE uses_attempt OR group_action = 'back off')
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'retry_on: % is not an error that a task may be tried again after', quote_literal(v_unknown)
            USING ERRCODE = 'LD400', HINT = 'expected one of '
                || (SELECT string_agg(name, ', ' ORDER BY name) FROM error_classes
                    WHERE uses_attempt OR group_action = 'back off');
    END IF;
END
$$;

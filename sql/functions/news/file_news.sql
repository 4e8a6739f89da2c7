-- INTERNAL file_news(type, subject, payload, facts): writes an event that is about no task, for each hook that hears it; see
-- hook_hears() for the facts. Of one subject, such as group:main, a hook hears in order. Hooks that hear of named tasks
-- only do not hear it.
CREATE OR REPLACE FUNCTION file_news(p_type text, p_subject text, p_payload jsonb, p_facts jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_now timestamptz := clock();
    v_event uuid := gen_random_uuid();
BEGIN
    INSERT INTO hook_deliveries (hook, event, type, subject, payload, at, due_at)
    SELECT name, v_event, p_type, p_subject, p_payload, v_now, v_now
    FROM hooks AS h WHERE NOT named AND hook_hears(h, p_type, jsonb_strip_nulls(p_facts));
    IF FOUND THEN
        PERFORM pg_notify('hook_ready', '');
    END IF;
END
$$;

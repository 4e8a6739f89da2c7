-- API test_hook(hook): tells a hook an event of the type `test`, whatever it hears. Returns the id of the event.
-- Raises LD404, LD409 when the hook is disabled, and 42501 for a session that is confined to tenants.
CREATE OR REPLACE FUNCTION test_hook(p_hook text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_now timestamptz := clock();
    v_event uuid := gen_random_uuid();
    v_reason text;
BEGIN
    PERFORM require_whole_site('try hooks');
    PERFORM require_hook(p_hook);
    SELECT disabled_reason INTO v_reason FROM hooks WHERE name = p_hook;
    IF v_reason IS NOT NULL THEN
        RAISE EXCEPTION 'hook % is disabled: %', p_hook, v_reason USING ERRCODE = 'LD409',
            HINT = format('switch it on again with `llmctl hook retry %s`', p_hook);
    END IF;
    INSERT INTO hook_deliveries (hook, event, type, subject, payload, at, due_at)
    VALUES (p_hook, v_event, 'test', 'test:' || v_event, jsonb_build_object('hook', p_hook), v_now, v_now);
    PERFORM pg_notify('hook_ready', '');
    RETURN v_event;
END
$$;

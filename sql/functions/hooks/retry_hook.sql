-- API retry_hook(hook, event): tells a hook again what it was not told: all its dead deliveries, or that of one event, dead
-- or delivered. A hook that was disabled is on again, and one that rests is tried at once. Returns how many there are.
-- Raises LD404, and 42501 for a session that is confined to tenants.
CREATE OR REPLACE FUNCTION retry_hook(p_hook text, p_event uuid DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_count integer;
BEGIN
    PERFORM require_whole_site('repeat deliveries');
    PERFORM require_hook(p_hook);
    UPDATE hook_deliveries SET state = 'pending', attempts = 0, due_at = clock(), ended_at = NULL
    WHERE hook = p_hook AND CASE WHEN p_event IS NULL THEN state = 'dead' ELSE event = p_event AND state <> 'pending' END;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count = 0 AND p_event IS NOT NULL THEN
        RAISE EXCEPTION 'there is no event % that hook % was told or not told', p_event, p_hook
            USING ERRCODE = 'LD404', HINT = format('`llmctl hook show %s` lists them', p_hook);
    END IF;
    UPDATE hooks SET disabled_reason = NULL, failures = 0, resumes_at = NULL
    WHERE name = p_hook AND (disabled_reason IS NOT NULL OR failures > 0);
    PERFORM pg_notify('hook_ready', '');
    RETURN v_count;
END
$$;

-- API list_deliveries(hook, most): returns the newest deliveries of a hook, the newest first, with what was told. due_in_s is
-- null for what is over. Raises LD404, and 42501 for a session that is confined to tenants.
CREATE OR REPLACE FUNCTION list_deliveries(p_hook text, p_most integer DEFAULT 20)
RETURNS TABLE (
    number bigint, event uuid, type text, subject text, state text, attempts integer, at timestamptz,
    due_in_s double precision, ended_at timestamptz, detail text, payload jsonb
)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM require_whole_site('see hooks');
    PERFORM require_hook(p_hook);
    RETURN QUERY
    SELECT d.number, d.event, d.type, d.subject, d.state, d.attempts, d.at,
        CASE WHEN d.state = 'pending' THEN greatest(extract(epoch FROM d.due_at - clock()), 0)::double precision END,
        d.ended_at, d.detail, d.payload
    FROM hook_deliveries AS d WHERE d.hook = p_hook ORDER BY d.number DESC LIMIT least(p_most, 1000);
END
$$;

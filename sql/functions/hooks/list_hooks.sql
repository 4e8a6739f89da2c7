-- API list_hooks(): returns the hooks, each with how many deliveries are pending and dead, how many were dropped, and what
-- came of the last attempt. A session that is confined to tenants
-- sees none.
CREATE OR REPLACE FUNCTION list_hooks()
RETURNS TABLE (
    name text, host text, kind text, target text, events text [], selection jsonb, named boolean, content boolean,
    disabled_reason text, failures integer, resumes_in_s double precision, pending bigint, dead bigint, dropped bigint,
    detail text
)
LANGUAGE sql VOLATILE
AS $$
    SELECT h.name, host, kind, target, events, selection, named, content, disabled_reason, failures,
        CASE WHEN resumes_at > clock() THEN extract(epoch FROM resumes_at - clock())::double precision END,
        (SELECT count(*) FROM hook_deliveries AS d WHERE d.hook = h.name AND state = 'pending'),
        (SELECT count(*) FROM hook_deliveries AS d WHERE d.hook = h.name AND state = 'dead'), dropped, (
            SELECT d.detail FROM hook_deliveries AS d
            WHERE d.hook = h.name AND d.detail IS NOT NULL ORDER BY number DESC LIMIT 1
        )
    FROM hooks AS h WHERE session_tenants() IS NULL ORDER BY h.name
$$;

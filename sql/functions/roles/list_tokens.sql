-- API list_tokens(): returns the tokens of the HTTP API, without their hashes. tenants null: all. last_used_at is true
-- to the hour. sessions: how many browsers are logged in with it.
CREATE OR REPLACE FUNCTION list_tokens()
RETURNS TABLE (
    name text, role text, tenants text [], created_at timestamptz, expires_at timestamptz, last_used_at timestamptz,
    expired boolean, sessions integer
)
LANGUAGE sql VOLATILE
AS $$
    SELECT name, role, tenants, created_at, expires_at, last_used_at, coalesce(expires_at <= clock(), false),
        (
            SELECT count(*)::integer FROM page_sessions AS session
            WHERE session.token_name = api_tokens.name AND session_ends(session) > clock()
        )
    FROM api_tokens ORDER BY name
$$;

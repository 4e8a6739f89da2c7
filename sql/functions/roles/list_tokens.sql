-- API list_tokens(): returns the tokens of the HTTP API, without their hashes. tenants null: all. last_used_at is true
-- to the hour.
CREATE OR REPLACE FUNCTION list_tokens()
RETURNS TABLE (
    name text, role text, tenants text [], created_at timestamptz, expires_at timestamptz, last_used_at timestamptz,
    expired boolean
)
LANGUAGE sql VOLATILE
AS $$
    SELECT name, role, tenants, created_at, expires_at, last_used_at, coalesce(expires_at <= clock(), false)
    FROM api_tokens ORDER BY name
$$;

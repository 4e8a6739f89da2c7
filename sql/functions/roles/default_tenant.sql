-- INTERNAL default_tenant(mine): returns the tenant of a task that names none, in a session with these
-- session_tenants(): the only one of them, or else "default".
CREATE OR REPLACE FUNCTION default_tenant(p_mine text []) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN cardinality(p_mine) = 1 THEN p_mine[1] ELSE 'default' END
$$;

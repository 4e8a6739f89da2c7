-- INTERNAL require_tenants(tenants, mine): refuses tenants that the session may not act for. `mine` are its
-- session_tenants(). Raises 42501.
CREATE OR REPLACE FUNCTION require_tenants(p_tenants text [], p_mine text []) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF p_mine IS NULL OR p_tenants <@ p_mine THEN
        RETURN;
    END IF;
    RAISE EXCEPTION '% may not act for tenant %', session_name(), (
        SELECT quote_literal(tenant) FROM unnest(p_tenants) AS tenant WHERE tenant <> ALL(p_mine) LIMIT 1
    ) USING ERRCODE = 'insufficient_privilege', HINT = CASE
        WHEN p_mine = '{}' AND login_tenants() IS DISTINCT FROM '{}'
            THEN 'it is not valid any more, or the login has none of its tenants; `llmctl token ls` shows them'
        WHEN p_mine = '{}' THEN 'it has no tenant; an admin gives it one: SELECT grant_tenant(role, tenant)'
        ELSE 'its tenants are ' || array_to_string(p_mine, ', ') END;
END
$$;

-- INTERNAL require_tenants(tenants): refuses tenants that the session may not act for. Raises 42501.
CREATE OR REPLACE FUNCTION require_tenants(p_tenants text []) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_mine text [] := session_tenants();
BEGIN
    IF v_mine IS NULL OR p_tenants <@ v_mine THEN
        RETURN;
    END IF;
    RAISE EXCEPTION '% may not act for tenant %', session_name(), (
        SELECT quote_literal(tenant) FROM unnest(p_tenants) AS tenant WHERE tenant <> ALL(v_mine) LIMIT 1
    ) USING ERRCODE = 'insufficient_privilege', HINT = CASE
        WHEN v_mine = '{}' AND login_tenants() IS DISTINCT FROM '{}'
            THEN 'it is not valid any more, or the login has none of its tenants; `llmctl token ls` shows them'
        WHEN v_mine = '{}' THEN 'it has no tenant; an admin gives it one: SELECT grant_tenant(role, tenant)'
        ELSE 'its tenants are ' || array_to_string(v_mine, ', ') END;
END
$$;

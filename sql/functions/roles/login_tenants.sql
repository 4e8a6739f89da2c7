-- INTERNAL login_tenants(): returns the tenants of the login, without regard to a token; null means all of them. The
-- owner, admins, operators, dispatchers, and readers that are not producers have all tenants. Everybody else has those
-- in tenant_roles. The role is session_user: current_user is the owner of the function that calls this, and SET ROLE
-- changes it.
CREATE OR REPLACE FUNCTION login_tenants() RETURNS text []
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_roles text [];
BEGIN
    IF pg_has_role(session_user, current_user, 'USAGE') THEN
        RETURN NULL;
    END IF;
    v_roles := ARRAY(
        SELECT rolname FROM pg_roles
        WHERE rolname IN ('llmctl_admin', 'llmctl_operator', 'llmctl_dispatcher', 'llmctl_reader', 'llmctl_producer')
            AND pg_has_role(session_user, oid, 'USAGE')
    );
    IF v_roles && '{llmctl_admin,llmctl_operator,llmctl_dispatcher}'
        OR v_roles @> '{llmctl_reader}' AND NOT v_roles @> '{llmctl_producer}' THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(
        SELECT DISTINCT tenant_id FROM tenant_roles JOIN pg_roles ON rolname = role_name
        WHERE pg_has_role(session_user, pg_roles.oid, 'USAGE') ORDER BY tenant_id
    );
END
$$;

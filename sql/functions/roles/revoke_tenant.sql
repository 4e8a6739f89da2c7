-- API revoke_tenant(role, tenant): ends what grant_tenant() allowed. Raises LD404 when the role did not have the
-- tenant.
CREATE OR REPLACE FUNCTION revoke_tenant(p_role text, p_tenant_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    DELETE FROM tenant_roles WHERE role_name = p_role AND tenant_id = p_tenant_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role % was not given tenant %', quote_nullable(p_role), quote_nullable(p_tenant_id)
            USING ERRCODE = 'LD404';
    END IF;
END
$$;

-- API grant_tenant(role, tenant): lets a role, which is in llmctl_producer, act for a tenant. Raises LD404, LD400.
CREATE OR REPLACE FUNCTION grant_tenant(p_role text, p_tenant_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = p_role) THEN
        RAISE EXCEPTION 'there is no role %', quote_nullable(p_role) USING ERRCODE = 'LD404';
    END IF;
    INSERT INTO tenant_roles (role_name, tenant_id) VALUES (p_role, p_tenant_id) ON CONFLICT DO NOTHING;
EXCEPTION
    WHEN check_violation OR not_null_violation THEN
        RAISE EXCEPTION '% is not a valid tenant: expected 1 to 200 bytes without control characters',
            quote_nullable(p_tenant_id) USING ERRCODE = 'LD400';
END
$$;

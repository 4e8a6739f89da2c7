-- INTERNAL require_limit_of_own(scope): refuses the limit of a tenant that the session may not act for. Limits of tools,
-- models, queues and workflows are everybody's, and whoever may set limits sets them. Raises 42501.
CREATE OR REPLACE FUNCTION require_limit_of_own(p_scope text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF p_scope LIKE 'tenant:%' THEN
        PERFORM require_tenants(ARRAY[substr(p_scope, length('tenant:') + 1)], session_tenants());
    END IF;
END
$$;

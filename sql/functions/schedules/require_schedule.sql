-- INTERNAL require_schedule(name, tenant, mine): returns the schedule with this name and locks it. Without a tenant it is the
-- only one of that name among the tenants `mine`, which are session_tenants().
-- Locks: the schedule. Raises LD404 if there is none, LD400 if several tenants have one, 42501 for a foreign tenant.
CREATE OR REPLACE FUNCTION require_schedule(p_name text, p_tenant text, p_mine text []) RETURNS schedules
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_tenants text [];
    v_schedule schedules;
BEGIN
    IF p_tenant IS NOT NULL THEN
        PERFORM require_tenants(ARRAY[p_tenant], p_mine);
    END IF;
    v_tenants := ARRAY(
        SELECT tenant_id FROM schedules
        WHERE name = p_name AND coalesce(tenant_id = p_tenant, true) AND coalesce(tenant_id = ANY(p_mine), true)
        ORDER BY tenant_id
    );
    IF cardinality(v_tenants) > 1 THEN
        RAISE EXCEPTION 'several tenants have a schedule %: %', quote_literal(p_name), array_to_string(v_tenants, ', ')
            USING ERRCODE = 'LD400', HINT = 'say which tenant: --tenant NAME';
    END IF;
    SELECT * INTO v_schedule FROM schedules WHERE tenant_id = v_tenants[1] AND name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no schedule %', quote_nullable(left(p_name, 100))
            USING ERRCODE = 'LD404', HINT = '`llmctl schedule ls` lists them';
    END IF;
    RETURN v_schedule;
END
$$;

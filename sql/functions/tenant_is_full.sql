-- tenant_is_full(tenant, taken): whether the tenant's own limit leaves no slot beside those that the caller takes.
CREATE OR REPLACE FUNCTION tenant_is_full(p_tenant_id text, p_taken text []) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT coalesce((
        SELECT current_concurrent + cardinality(array_positions(p_taken, scope::text)) >= max_concurrent
        FROM concurrency_limits WHERE scope = 'tenant:' || p_tenant_id
    ), false)
$$;

-- INTERNAL note_changed_limits(): reads from limit_inbox which limits became full or got room. Closes the turns of
-- tenants whose own limit is full, and opens those of tenants that have room. Does the same with the tenantless lanes
-- of a model, queue or workflow, if it has at most c_few of them: closing many each time the limit fills would cost more than
-- it saves the claim. Only catch_up() calls this, under the claim lock.
CREATE OR REPLACE FUNCTION note_changed_limits() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_few CONSTANT integer := 20;
    v_full text [];
    v_free text [];
BEGIN
    WITH changed AS (
        DELETE FROM limit_inbox RETURNING scope
    )
    SELECT coalesce(array_agg(scope) FILTER (WHERE current_concurrent >= slots), '{}'),
        coalesce(array_agg(scope) FILTER (WHERE coalesce(current_concurrent < slots, true)), '{}')
    INTO v_full, v_free
    FROM (SELECT DISTINCT scope FROM changed) AS named LEFT JOIN concurrency_limits USING (scope);

    UPDATE tenant_turns SET closed = is_full
    FROM (
        SELECT substr(scope, length('tenant:') + 1) AS tenant, scope = ANY(v_full) AS is_full
        FROM unnest(v_full || v_free) AS scope WHERE scope LIKE 'tenant:%'
    ) AS changed
    WHERE tenant_id = tenant AND closed <> is_full;

    UPDATE tenantless_lanes SET closed_by = NULL WHERE closed_by = ANY(v_free);
    UPDATE tenantless_lanes SET closed_by = few.scope
    FROM unnest(v_full) AS full_scope (scope) CROSS JOIN LATERAL (
        SELECT scope, array_agg(tenantless_lane) AS lanes FROM (
            SELECT tenantless_lane FROM tenantless_lanes
            WHERE closed_by IS NULL AND model = substr(scope, length('model:') + 1) AND scope LIKE 'model:%'
            UNION ALL
            SELECT tenantless_lane FROM tenantless_lanes
            WHERE closed_by IS NULL AND queue = substr(scope, length('queue:') + 1) AND scope LIKE 'queue:%'
            UNION ALL
            SELECT tenantless_lane FROM tenantless_lanes
            WHERE closed_by IS NULL AND workflow = substr(scope, length('workflow:') + 1) AND scope LIKE 'workflow:%'
            LIMIT c_few + 1
        ) AS open_ones HAVING count(*) <= c_few
    ) AS few
    WHERE tenantless_lane = ANY(few.lanes);
END
$$;

-- drain_inboxes(): takes what producers filed into lanes, tenantless_lanes and tenant_turns; gives lanes that were contended another
-- chance; closes the turns of tenants whose own limit became full and opens those of tenants that got room; and does
-- the same with the kinds of a model or queue, if it has few of them: a scope of many would cost more each time it
-- fills than the claim saves.
-- Only lease_tasks() calls this, under the claim lock, which every writer of these tables holds. What prune_lanes() removed
-- of a lane is made anew: an empty one said nothing more than what is filed here. A tenant that was here before keeps
-- its turn, for a new tool or priority too: back from idle it is served next, and then waits like all others. One whose turn
-- is forgotten does likewise.
CREATE OR REPLACE FUNCTION drain_inboxes() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_few CONSTANT integer := 20;
    v_full text [];
    v_free text [];
BEGIN
    IF EXISTS (SELECT FROM lane_inbox) THEN
        WITH filed AS (
            DELETE FROM lane_inbox RETURNING *
        ), arrived AS (
            SELECT lane, tool, account, model, tenant_id, queue, priority, min(number) AS head,
                min(created_at) AS oldest,
                md5(tool || chr(31) || coalesce(account, '') || chr(31) || coalesce(model, '') || chr(31) || queue)::uuid
                AS tenantless_lane
            FROM filed GROUP BY lane, tool, account, model, tenant_id, queue, priority
        ), new_tenantless_lanes AS (
            INSERT INTO tenantless_lanes (tenantless_lane, tool, account, model, queue, closed_by)
            SELECT tenantless_lane, tool, account, model, queue, (
                SELECT scope FROM concurrency_limits
                WHERE scope IN ('model:' || model, 'queue:' || queue) AND current_concurrent >= max_concurrent LIMIT 1
            )
            FROM (SELECT DISTINCT tenantless_lane, tool, account, model, queue FROM arrived) AS waiting
            ON CONFLICT DO NOTHING
        ), new_turns AS (
            INSERT INTO tenant_turns (tool, priority, tenant_id, turn, last_served, closed)
            SELECT tool, priority, tenant_id, last_served, last_served,
                coalesce(current_concurrent >= max_concurrent, false)
            FROM (SELECT DISTINCT tool, priority, tenant_id FROM arrived) AS waiting
            CROSS JOIN LATERAL (
                SELECT coalesce(max(known.last_served), 0) AS last_served FROM tenant_turns AS known
                WHERE known.tenant_id = waiting.tenant_id
            ) AS of_tenant
            LEFT JOIN concurrency_limits ON scope = 'tenant:' || tenant_id
            ON CONFLICT (tenant_id, tool, priority)
            DO UPDATE SET waiting = true, turn = tenant_turns.last_served, idle_since = NULL
            WHERE NOT tenant_turns.waiting
        )
        INSERT INTO lanes (lane, tenantless_lane, tool, account, model, tenant_id, queue, priority, head, oldest)
        SELECT lane, tenantless_lane, tool, account, model, tenant_id, queue, priority, head, oldest FROM arrived
        ON CONFLICT (lane) DO UPDATE SET head = least(lanes.head, excluded.head),
            oldest = CASE WHEN lanes.head IS NULL THEN excluded.oldest ELSE least(lanes.oldest, excluded.oldest) END
        WHERE lanes.head IS DISTINCT FROM least(lanes.head, excluded.head) OR excluded.oldest < lanes.oldest;
    END IF;
    IF EXISTS (SELECT FROM lanes WHERE contended_at IS NOT NULL) THEN
        -- 50 of them, longest waiting first: others must not wait behind lanes that somebody holds for long.
        WITH back AS (
            UPDATE lanes SET contended_at = NULL
            WHERE lane = ANY(ARRAY(SELECT lane FROM lanes WHERE contended_at IS NOT NULL ORDER BY contended_at LIMIT 50))
            RETURNING tenant_id, tool, priority, head
        )
        UPDATE tenant_turns AS t SET waiting = true, turn = last_served FROM back
        WHERE t.tenant_id = back.tenant_id AND t.tool = back.tool AND t.priority = back.priority
            AND back.head IS NOT NULL AND NOT waiting;
    END IF;
    IF EXISTS (SELECT FROM limit_inbox) THEN
        WITH changed AS (
            DELETE FROM limit_inbox RETURNING scope
        )
        SELECT coalesce(array_agg(scope) FILTER (WHERE current_concurrent >= max_concurrent), '{}'),
            coalesce(array_agg(scope) FILTER (WHERE coalesce(current_concurrent < max_concurrent, true)), '{}')
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
            SELECT scope, array_agg(tenantless_lane) AS tenantless_lanes FROM (
                SELECT tenantless_lane FROM tenantless_lanes
                WHERE closed_by IS NULL AND model = substr(scope, length('model:') + 1) AND scope LIKE 'model:%'
                UNION ALL
                SELECT tenantless_lane FROM tenantless_lanes
                WHERE closed_by IS NULL AND queue = substr(scope, length('queue:') + 1) AND scope LIKE 'queue:%'
                LIMIT c_few + 1
            ) AS open_tenantless_lanes HAVING count(*) <= c_few
        ) AS few
        WHERE tenantless_lanes.tenantless_lane = ANY(few.tenantless_lanes);
    END IF;
END
$$;

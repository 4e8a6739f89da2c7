-- drain_inboxes(): takes what producers filed into lanes, kinds and turns; gives lanes that were contended another
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
                AS kind
            FROM filed GROUP BY lane, tool, account, model, tenant_id, queue, priority
        ), new_kinds AS (
            INSERT INTO kinds (kind, tool, account, model, queue, closed_by)
            SELECT kind, tool, account, model, queue, (
                SELECT scope FROM concurrency_limits
                WHERE scope IN ('model:' || model, 'queue:' || queue) AND current_concurrent >= max_concurrent LIMIT 1
            )
            FROM (SELECT DISTINCT kind, tool, account, model, queue FROM arrived) AS waiting
            ON CONFLICT DO NOTHING
        ), new_turns AS (
            INSERT INTO turns (tool, priority, tenant_id, turn, served, closed)
            SELECT tool, priority, tenant_id, served, served, coalesce(current_concurrent >= max_concurrent, false)
            FROM (SELECT DISTINCT tool, priority, tenant_id FROM arrived) AS waiting
            CROSS JOIN LATERAL (
                SELECT coalesce(max(turns.served), 0) AS served FROM turns WHERE turns.tenant_id = waiting.tenant_id
            ) AS of_tenant
            LEFT JOIN concurrency_limits ON scope = 'tenant:' || tenant_id
            ON CONFLICT (tenant_id, tool, priority) DO UPDATE SET waiting = true, turn = turns.served, idle_since = NULL
            WHERE NOT turns.waiting
        )
        INSERT INTO lanes (lane, kind, tool, account, model, tenant_id, queue, priority, head, oldest)
        SELECT lane, kind, tool, account, model, tenant_id, queue, priority, head, oldest FROM arrived
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
        UPDATE turns SET waiting = true, turn = served FROM back
        WHERE turns.tenant_id = back.tenant_id AND turns.tool = back.tool AND turns.priority = back.priority
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

        UPDATE turns SET closed = is_full
        FROM (
            SELECT substr(scope, length('tenant:') + 1) AS tenant, scope = ANY(v_full) AS is_full
            FROM unnest(v_full || v_free) AS scope WHERE scope LIKE 'tenant:%'
        ) AS changed
        WHERE tenant_id = tenant AND closed <> is_full;

        UPDATE kinds SET closed_by = NULL WHERE closed_by = ANY(v_free);
        UPDATE kinds SET closed_by = few.scope
        FROM unnest(v_full) AS full_scope (scope) CROSS JOIN LATERAL (
            SELECT scope, array_agg(kind) AS kinds FROM (
                SELECT kind FROM kinds
                WHERE closed_by IS NULL AND model = substr(scope, length('model:') + 1) AND scope LIKE 'model:%'
                UNION ALL
                SELECT kind FROM kinds
                WHERE closed_by IS NULL AND queue = substr(scope, length('queue:') + 1) AND scope LIKE 'queue:%'
                LIMIT c_few + 1
            ) AS open_kinds HAVING count(*) <= c_few
        ) AS few
        WHERE kinds.kind = ANY(few.kinds);
    END IF;
END
$$;

-- drain_inboxes(): takes what producers filed into lanes, kinds and turns; gives lanes that were contended another
-- chance; closes the turns of tenants whose own limit became full and opens those of tenants that got room.
-- Only lease_tasks() calls this, under the claim lock, so it is the only writer. A tenant that was here before keeps
-- its turn, for a new tool or priority too: back from idle it is served next, and then waits like all others.
CREATE OR REPLACE FUNCTION drain_inboxes() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF EXISTS (SELECT FROM lane_inbox) THEN
        WITH filed AS (
            DELETE FROM lane_inbox RETURNING *
        ), arrived AS (
            SELECT lane, tool, account, model, tenant_id, queue, priority, min(number) AS head,
                md5(tool || chr(31) || coalesce(account, '') || chr(31) || coalesce(model, '') || chr(31) || queue)::uuid
                AS kind
            FROM filed GROUP BY lane, tool, account, model, tenant_id, queue, priority
        ), new_kinds AS (
            INSERT INTO kinds (kind, tool, account, model, queue)
            SELECT DISTINCT kind, tool, account, model, queue FROM arrived
            ON CONFLICT DO NOTHING
        ), new_turns AS (
            INSERT INTO turns (tool, priority, tenant_id, turn, closed)
            SELECT tool, priority, tenant_id,
                coalesce((SELECT max(turn) FROM turns WHERE turns.tenant_id = waiting.tenant_id), 0),
                coalesce(current_concurrent >= max_concurrent, false)
            FROM (SELECT DISTINCT tool, priority, tenant_id FROM arrived) AS waiting
            LEFT JOIN concurrency_limits ON scope = 'tenant:' || tenant_id
            ON CONFLICT (tenant_id, tool, priority) DO UPDATE SET waiting = true WHERE NOT turns.waiting
        )
        INSERT INTO lanes (lane, kind, tool, account, model, tenant_id, queue, priority, head)
        SELECT lane, kind, tool, account, model, tenant_id, queue, priority, head FROM arrived
        ON CONFLICT (lane) DO UPDATE SET head = least(lanes.head, excluded.head)
        WHERE lanes.head IS DISTINCT FROM least(lanes.head, excluded.head);
    END IF;
    IF EXISTS (SELECT FROM lanes WHERE contended_at IS NOT NULL) THEN
        -- 50 of them, longest waiting first: others must not wait behind lanes that somebody holds for long.
        WITH back AS (
            UPDATE lanes SET contended_at = NULL
            WHERE lane = ANY(ARRAY(SELECT lane FROM lanes WHERE contended_at IS NOT NULL ORDER BY contended_at LIMIT 50))
            RETURNING tenant_id, tool, priority, head
        )
        UPDATE turns SET waiting = true FROM back
        WHERE turns.tenant_id = back.tenant_id AND turns.tool = back.tool AND turns.priority = back.priority
            AND back.head IS NOT NULL AND NOT waiting;
    END IF;
    IF EXISTS (SELECT FROM tenant_inbox) THEN
        WITH changed AS (
            DELETE FROM tenant_inbox RETURNING tenant_id
        )
        UPDATE turns SET closed = is_full
        FROM (
            SELECT DISTINCT tenant_id, coalesce(current_concurrent >= max_concurrent, false) AS is_full
            FROM changed LEFT JOIN concurrency_limits ON scope = 'tenant:' || tenant_id
        ) AS tenant
        WHERE turns.tenant_id = tenant.tenant_id AND closed <> is_full;
    END IF;
END
$$;

-- drain_lane_inbox(): takes what producers filed into lanes, kinds and turns, and reopens tenants that got room.
-- Only claim_tasks() calls this, under the claim lock, so it is the only writer. A tenant that was here before
-- keeps its old turn: back from idle it is served next, and then waits like all others.
CREATE OR REPLACE FUNCTION drain_lane_inbox() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
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
        INSERT INTO turns (tool, priority, tenant_id)
        SELECT DISTINCT tool, priority, tenant_id FROM arrived
        ON CONFLICT (tenant_id, tool, priority) DO UPDATE SET waiting = true WHERE NOT turns.waiting
    )
    INSERT INTO lanes (lane, kind, tool, account, model, tenant_id, queue, priority, head)
    SELECT lane, kind, tool, account, model, tenant_id, queue, priority, head FROM arrived
    ON CONFLICT (lane) DO UPDATE SET head = least(lanes.head, excluded.head)
    WHERE lanes.head IS DISTINCT FROM least(lanes.head, excluded.head);

    WITH gone AS (
        DELETE FROM reopened_tenants RETURNING tenant_id
    )
    UPDATE turns SET closed = false WHERE closed AND tenant_id IN (SELECT tenant_id FROM gone);
END
$$;

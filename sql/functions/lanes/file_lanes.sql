-- INTERNAL file_lanes(): moves what producers put into lane_inbox to lanes, tenantless_lanes and tenant_turns.
-- What prune_lanes() removed is made again, since an empty lane said nothing more than what is filed here. A tenant
-- that was here before keeps its turn, for a new tool or priority too: back from idle it is served next, and then
-- waits like all others. So is a tenant whose turn is forgotten.
-- Only catch_up() and lease_tasks() call this, under the claim lock.
CREATE OR REPLACE FUNCTION file_lanes() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    WITH filed AS (
        DELETE FROM lane_inbox RETURNING *
    ), arrived AS (
        SELECT lane, tool, account, model, tenant_id, queue, priority, workflow, min(number) AS head,
            min(created_at) AS oldest,
            md5(
                tool || chr(31) || coalesce(account, '') || chr(31) || coalesce(model, '') || chr(31) || queue
                || coalesce(chr(31) || workflow, '')
            )::uuid AS tenantless_lane
        FROM filed GROUP BY lane, tool, account, model, tenant_id, queue, priority, workflow
    ), new_tenantless_lanes AS (
        INSERT INTO tenantless_lanes (tenantless_lane, tool, account, model, queue, workflow, closed_by)
        SELECT tenantless_lane, tool, account, model, queue, workflow, (
            SELECT scope FROM concurrency_limits
            WHERE scope IN ('model:' || model, 'queue:' || queue, 'workflow:' || workflow)
                AND current_concurrent >= slots LIMIT 1
        )
        FROM (SELECT DISTINCT tenantless_lane, tool, account, model, queue, workflow FROM arrived) AS with_work
        ON CONFLICT DO NOTHING
    ), new_turns AS (
        INSERT INTO tenant_turns (tool, priority, tenant_id, turn, last_served, closed)
        SELECT tool, priority, tenant_id, last_served, last_served,
            coalesce(current_concurrent >= slots, false)
        FROM (SELECT DISTINCT tool, priority, tenant_id FROM arrived) AS with_work
        CROSS JOIN LATERAL (
            SELECT coalesce(max(known.last_served), 0) AS last_served FROM tenant_turns AS known
            WHERE known.tenant_id = with_work.tenant_id
        ) AS of_tenant
        LEFT JOIN concurrency_limits ON scope = 'tenant:' || tenant_id
        ON CONFLICT (tenant_id, tool, priority)
        DO UPDATE SET waiting = true, turn = tenant_turns.last_served, idle_since = NULL
        WHERE NOT tenant_turns.waiting
    )
    INSERT INTO lanes (lane, tenantless_lane, tool, account, model, tenant_id, queue, priority, workflow, head, oldest)
    SELECT lane, tenantless_lane, tool, account, model, tenant_id, queue, priority, workflow, head, oldest FROM arrived
    ON CONFLICT (lane) DO UPDATE SET head = least(lanes.head, excluded.head),
        oldest = CASE WHEN lanes.head IS NULL THEN excluded.oldest ELSE least(lanes.oldest, excluded.oldest) END
    WHERE lanes.head IS DISTINCT FROM least(lanes.head, excluded.head) OR excluded.oldest < lanes.oldest;
END
$$;

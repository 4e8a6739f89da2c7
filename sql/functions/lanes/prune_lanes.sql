-- API prune_lanes(most): removes what the claim knows of lanes that have no task left: at most so many lanes, their
-- tenantless lanes if these have no other lane with tasks, and turns of tenants that had no lane for a day. Returns
-- how many lanes and turns were removed; fewer than `most` mean that there is nothing else to remove now.
--
-- Nothing is lost by it. An empty lane says nothing about its tasks. Whatever becomes ready files all that makes the
-- lane, its tenantless lane and its turn again (see file_lanes()), in the transaction that makes it ready, also when
-- that commits later. A tenant without a turn counts as a new one: it is served next and then waits like all. A
-- tenant that was idle for a day is served next anyway, unless others have waited since before its last service. So
-- it can gain one task, once a day.
--
-- Locks: claim lock, but not when there is nothing to do. A claim may wait for it (200 lanes: 3 ms). The commit does
-- not wait for the disk: what a crash of the server brings back is removed by the next call.
-- Cost: that of what is removed, however many other lanes there are.
-- Raises LD400 in a transaction that is not READ COMMITTED.
CREATE OR REPLACE FUNCTION prune_lanes(p_most integer DEFAULT 200) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    c_idle CONSTANT interval := '1 day';
    v_now timestamptz := clock();
    v_before timestamptz := v_now - c_idle;
    v_lanes uuid [];
    v_idle tid [];
    v_tenantless_lanes uuid [];
    v_tenants text [];
    v_tools text [];
    v_priorities smallint [];
    v_count bigint;
    v_turns bigint;
BEGIN
    -- Before the lock, since this reads the index entries of all that was removed since the last VACUUM.
    v_lanes := ARRAY(SELECT lane FROM lanes WHERE head IS NULL ORDER BY lane LIMIT p_most);
    v_idle := ARRAY(SELECT ctid FROM tenant_turns WHERE idle_since < v_before ORDER BY idle_since LIMIT p_most);
    IF v_lanes = '{}' AND v_idle = '{}' THEN
        RETURN 0;
    END IF;
    PERFORM lock_claims();
    PERFORM set_config('synchronous_commit', 'off', true);

    WITH gone AS (
        DELETE FROM lanes WHERE lane = ANY(v_lanes) AND head IS NULL
        RETURNING tenantless_lane, tenant_id, tool, priority
    )
    SELECT count(*), array_agg(DISTINCT tenantless_lane), array_agg(tenant_id), array_agg(tool), array_agg(priority)
    INTO v_count, v_tenantless_lanes, v_tenants, v_tools, v_priorities
    FROM gone;
    -- With OFFSET each lane is looked up by its key. Without it the planner, if few lanes had tasks when it planned,
    -- would read all of them.
    DELETE FROM tenantless_lanes
    WHERE tenantless_lane = ANY(v_tenantless_lanes)
        AND NOT EXISTS (
            SELECT FROM lanes
            WHERE lanes.tenantless_lane = tenantless_lanes.tenantless_lane AND head IS NOT NULL AND contended_at IS NULL
            OFFSET 0
        )
        AND tenantless_lane <> ALL(ARRAY(SELECT lanes.tenantless_lane FROM lanes WHERE contended_at IS NOT NULL));
    UPDATE tenant_turns AS t SET idle_since = v_now
    FROM (
        SELECT DISTINCT tenant_id, tool, priority
        FROM unnest(v_tenants, v_tools, v_priorities) AS each (tenant_id, tool, priority)
    ) AS gone
    WHERE t.tenant_id = gone.tenant_id AND t.tool = gone.tool AND t.priority = gone.priority
        AND NOT waiting AND idle_since IS NULL
        AND NOT EXISTS (
            SELECT FROM lanes
            WHERE contended_at IS NOT NULL
                AND lanes.tenant_id = t.tenant_id AND lanes.tool = t.tool AND lanes.priority = t.priority
        );
    DELETE FROM tenant_turns WHERE ctid = ANY(v_idle) AND idle_since < v_before;
    GET DIAGNOSTICS v_turns = ROW_COUNT;
    RETURN v_count + v_turns;
END
$$;

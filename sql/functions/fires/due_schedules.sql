-- API due_schedules(dispatcher, zone_data, limit): returns the schedules with an instant that has come, and those whose next
-- instant is to be computed, the longest overdue first; with zone_data also those that were computed with an older
-- version of the time zone database. For each, a dispatcher computes its instants and calls fire_schedule() with the
-- revision. `now` is the moment until which to compute.
-- Cost: that of what it returns; with zone_data it reads all schedules.
-- Raises LD400 for a limit outside of 1 to 1,000, and LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION due_schedules(
    p_dispatcher uuid, p_zone_data text DEFAULT NULL, p_limit integer DEFAULT 100
)
RETURNS TABLE (
    tenant_id text, name text, revision bigint, cron text, zone text, catch_up text, within_s double precision,
    is_computed boolean, done_until timestamptz, now timestamptz
)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := clock();
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION '% is not a valid limit: expected a number from 1 to 1000', coalesce(p_limit::text, 'null')
            USING ERRCODE = 'LD400';
    END IF;
    RETURN QUERY
    SELECT tenant_id, name, revision, cron, zone, catch_up, within_s, next_at IS NOT NULL, done_until, v_now
    FROM schedules WHERE due_at <= v_now OR p_zone_data IS NOT NULL AND due_at IS NOT NULL AND zone_data < p_zone_data
    ORDER BY due_at LIMIT p_limit;
END
$$;

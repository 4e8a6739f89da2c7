-- INTERNAL write_schedule(tenant, name, schedule, host): creates a schedule, or changes it to what is given. `schedule` has the keys
-- cron, zone, task, overlap, catch_up, within_s and max_failures; host is the one whose config.yaml names it, null for none.
-- What is the same stays as it is, with its next instant. Otherwise its instants begin now, and it is not paused any more
-- because of failures. The task is tried: submit_tasks() must take it from this session.
-- Locks: the schedule; then as submit_tasks(), until this returns. Raises LD400 for what is wrong, 42501 for a foreign tenant.
CREATE OR REPLACE FUNCTION write_schedule(p_tenant text, p_name text, p_schedule jsonb, p_host text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_catch_up text := coalesce(p_schedule ->> 'catch_up', 'one');
    v_overlap text := coalesce(p_schedule ->> 'overlap', CASE v_catch_up WHEN 'all' THEN 'queue' ELSE 'skip' END);
    v_within_s double precision := coalesce((p_schedule ->> 'within_s')::double precision,
        CASE v_catch_up WHEN 'all' THEN 86400 END);
BEGIN
    PERFORM require_schedulable(p_tenant, p_name, p_schedule, v_overlap, v_catch_up, v_within_s);
    INSERT INTO schedules AS known (
        tenant_id, name, cron, zone, task, overlap, catch_up, within_s, max_failures, configured_on, done_until,
        created_at, updated_at
    ) VALUES (
        p_tenant, p_name, p_schedule ->> 'cron', coalesce(p_schedule ->> 'zone', 'UTC'),
        jsonb_strip_nulls(p_schedule -> 'task'), v_overlap, v_catch_up, v_within_s,
        coalesce((p_schedule ->> 'max_failures')::integer, 5), p_host, clock(), clock(), clock()
    )
    ON CONFLICT (tenant_id, name) DO UPDATE SET
        cron = excluded.cron, zone = excluded.zone, task = excluded.task, overlap = excluded.overlap,
        catch_up = excluded.catch_up, within_s = excluded.within_s, max_failures = excluded.max_failures,
        configured_on = excluded.configured_on, done_until = clock(), next_at = NULL, revision = known.revision + 1,
        refusals = 0, last_error = NULL, judged_after = coalesce(known.last_task, 0), updated_at = clock(),
        pause_class = CASE known.pause_class WHEN 'person' THEN known.pause_class END,
        pause_reason = CASE known.pause_class WHEN 'person' THEN known.pause_reason END,
        paused_at = CASE known.pause_class WHEN 'person' THEN known.paused_at END
    WHERE (
        known.cron, known.zone, known.task, known.overlap, known.catch_up, known.within_s, known.max_failures
    ) IS DISTINCT FROM (
        excluded.cron, excluded.zone, excluded.task, excluded.overlap, excluded.catch_up, excluded.within_s,
        excluded.max_failures
    );
    IF FOUND THEN
        PERFORM pg_notify('task_ready', 'schedules');
    ELSE
        UPDATE schedules SET configured_on = p_host
        WHERE tenant_id = p_tenant AND name = p_name AND configured_on IS DISTINCT FROM p_host;
    END IF;
EXCEPTION
    WHEN check_violation OR not_null_violation OR data_exception THEN
        RAISE EXCEPTION '% is not a valid schedule: %', quote_nullable(p_name), sqlerrm USING ERRCODE = 'LD400';
END
$$;

-- API put_schedule(name, cron, task, zone, …): creates a schedule, or changes it to what is given: at each instant of the cron
-- expression in that time zone, `task` is submitted, a JSON object as submit_tasks() takes it. {{scheduled_at}} in its prompt
-- becomes the instant, and {{last_success_at}} when a task of the schedule last succeeded. overlap says what happens while one
-- has not ended: skip, queue or replace it. catch_up says what happens to instants that passed while no dispatcher was
-- there: one task for the last of them, all of the last within_s seconds (at most 100), or none. A changed schedule begins
-- anew: with the first instant from now on. When its last max_failures tasks have failed, it pauses itself.
-- Dispatchers read cron expressions, and the server does not: one that they cannot read pauses the schedule with a reason.
-- Locks: the schedule; then as submit_tasks(), which tries the task. Raises LD400 for what is wrong, LD409 for a schedule
-- of config.yaml, 42501 for a foreign tenant.
CREATE OR REPLACE FUNCTION put_schedule(
    p_name text, p_cron text, p_task jsonb, p_zone text DEFAULT 'UTC', p_tenant text DEFAULT NULL,
    p_overlap text DEFAULT NULL, p_catch_up text DEFAULT NULL, p_within_s double precision DEFAULT NULL,
    p_max_failures integer DEFAULT NULL, p_only_new boolean DEFAULT false
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_mine text [] := session_tenants();
    v_tenant text := coalesce(p_tenant, p_task ->> 'tenant_id', default_tenant(v_mine));
    v_known schedules;
BEGIN
    PERFORM require_tenants(ARRAY[v_tenant], v_mine);
    SELECT * INTO v_known FROM schedules WHERE tenant_id = v_tenant AND name = p_name FOR UPDATE;
    IF v_known.configured_on IS NOT NULL THEN
        RAISE EXCEPTION 'schedule % is one of config.yaml on %: change it there',
            quote_literal(p_name), v_known.configured_on USING ERRCODE = 'LD409';
    ELSIF p_only_new AND v_known.name IS NOT NULL THEN
        RAISE EXCEPTION 'there is a schedule % already', quote_literal(p_name) USING ERRCODE = 'LD409';
    END IF;
    PERFORM write_schedule(v_tenant, p_name, jsonb_build_object(
        'cron', p_cron, 'zone', p_zone, 'task', p_task, 'overlap', p_overlap, 'catch_up', p_catch_up,
        'within_s', p_within_s, 'max_failures', p_max_failures), NULL);
END
$$;

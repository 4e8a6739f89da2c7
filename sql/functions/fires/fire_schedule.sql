-- API fire_schedule(dispatcher, tenant, name, revision, until, instants, next_at, zone_data, remark, problem): submits a task for each
-- of these instants of a schedule, and moves it to the next one, in one transaction. All instants up to `until` are dealt with then.
-- Instants are texts with the offset of the zone, as {{scheduled_at}} becomes them. `remark` says which ones were left out
-- and why, `problem` why no instant can be computed: the schedule is paused with that.
--
-- Returns false, and does nothing, if the revision is not the present one: another dispatcher was faster, or somebody
-- changed the schedule. So there is one task for each instant, however many dispatchers fire, and wherever one is killed.
-- An idempotency key for each instant holds that, too, when a clock is set back.
-- A submission that is refused counts as a failure. When the last max_failures tasks have failed, the schedule is paused
-- instead.
-- Locks: the schedule; then as submit_tasks(); for overlap replace, the tasks of the schedule that have not ended, by id.
-- Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION fire_schedule(
    p_dispatcher uuid, p_tenant text, p_name text, p_revision bigint, p_until timestamptz, p_instants text [],
    p_next_at timestamptz DEFAULT NULL, p_zone_data text DEFAULT NULL, p_remark text DEFAULT NULL,
    p_problem text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_schedule schedules;
    v_reason text;
    v_instant text;
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    SELECT * INTO v_schedule FROM schedules WHERE tenant_id = p_tenant AND name = p_name FOR UPDATE;
    IF v_schedule.revision IS DISTINCT FROM p_revision OR v_schedule.pause_class IS NOT NULL THEN
        RETURN false;
    END IF;
    UPDATE schedules SET revision = revision + 1, done_until = p_until, next_at = p_next_at, zone_data = p_zone_data,
        last_error = CASE WHEN p_instants = '{}' THEN coalesce(p_remark, last_error) ELSE p_remark END
    WHERE tenant_id = p_tenant AND name = p_name;
    IF p_problem IS NOT NULL THEN
        PERFORM stop_schedule(p_tenant, p_name, 'unreadable', p_problem);
        RETURN true;
    END IF;
    FOREACH v_instant IN ARRAY p_instants LOOP
        v_reason := why_schedule_stops(v_schedule);
        IF v_reason IS NOT NULL THEN
            PERFORM stop_schedule(p_tenant, p_name, 'failures', v_reason);
            EXIT;
        END IF;
        v_schedule := fire_instant(v_schedule, v_instant);
    END LOOP;
    RETURN true;
END
$$;

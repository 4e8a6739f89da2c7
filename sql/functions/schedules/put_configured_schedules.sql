-- API put_configured_schedules(host, schedules): brings the schedules that config.yaml of a host names, and removes those that
-- it brought earlier and names no more. `schedules` is a JSON object of objects by their names, with the keys of
-- put_schedule() and `tenant`. What is the same stays as it is, with its next instant. Each host answers for its own: a
-- schedule that several hosts name belongs to the one that read it last.
-- Locks: the schedules; then as submit_tasks(). Raises as put_schedule().
CREATE OR REPLACE FUNCTION put_configured_schedules(p_host text, p_schedules jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_named record;
BEGIN
    FOR v_named IN SELECT key AS name, value AS schedule FROM jsonb_each(p_schedules) ORDER BY key LOOP
        PERFORM write_schedule(
            coalesce(v_named.schedule ->> 'tenant', v_named.schedule -> 'task' ->> 'tenant_id', 'default'),
            v_named.name, v_named.schedule, p_host);
    END LOOP;
    DELETE FROM schedules
    WHERE configured_on = p_host AND NOT (p_schedules ? name AND tenant_id = coalesce(
        p_schedules -> name ->> 'tenant', p_schedules -> name -> 'task' ->> 'tenant_id', 'default'));
END
$$;

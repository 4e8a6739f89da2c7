-- INTERNAL require_schedulable(tenant, name, schedule, overlap, catch_up, within_s): refuses what cannot be a schedule, see
-- write_schedule(). Cron expressions are left to those who can read them.
-- Raises LD400, LD404 for a task that its task names and that is not there, and 42501 for a foreign tenant.
CREATE OR REPLACE FUNCTION require_schedulable(
    p_tenant text, p_name text, p_schedule jsonb, p_overlap text, p_catch_up text, p_within_s double precision
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task jsonb := p_schedule -> 'task';
    v_key text;
BEGIN
    IF coalesce(p_name, '') !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' THEN
        RAISE EXCEPTION '% is not a valid name of a schedule: expected letters, digits, ".", "_" and "-"',
            quote_nullable(left(p_name, 100)) USING ERRCODE = 'LD400';
    END IF;
    IF coalesce(p_schedule ->> 'cron', '') !~ '^\s*(@[a-z]+|\S+(\s+\S+){4})\s*$' THEN
        RAISE EXCEPTION '% is not a valid cron expression: expected five fields such as 30 2 * * *, or @daily',
            quote_nullable(left(p_schedule ->> 'cron', 100)) USING ERRCODE = 'LD400';
    END IF;
    IF p_overlap <> ALL('{skip,queue,replace}') OR p_catch_up <> ALL('{one,all,none}') THEN
        RAISE EXCEPTION 'overlap must be skip, queue or replace, and catch_up one, all or none' USING ERRCODE = 'LD400';
    END IF;
    IF p_catch_up = 'all' AND p_overlap <> 'queue' THEN
        RAISE EXCEPTION 'catch_up all needs overlap queue: otherwise only one of the missed tasks would remain'
            USING ERRCODE = 'LD400';
    ELSIF p_catch_up <> 'all' AND p_within_s IS NOT NULL THEN
        RAISE EXCEPTION 'within is for catch_up all: it says how far that goes back' USING ERRCODE = 'LD400';
    END IF;
    IF jsonb_typeof(v_task) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a schedule needs a task, which is a JSON object' USING ERRCODE = 'LD400';
    END IF;
    FOREACH v_key IN ARRAY ARRAY['idempotency_key', 'scheduled_at', 'step', 'session_id'] LOOP
        IF v_task ->> v_key IS NOT NULL THEN
            RAISE EXCEPTION 'the task of a schedule cannot have %: that is for a single task', v_key
                USING ERRCODE = 'LD400';
        END IF;
    END LOOP;
    IF v_task ->> 'tenant_id' <> p_tenant THEN
        RAISE EXCEPTION 'the task is of tenant %, and its schedule of %',
            quote_literal(v_task ->> 'tenant_id'), quote_literal(p_tenant) USING ERRCODE = 'LD400';
    END IF;
    PERFORM explain_refusal(jsonb_build_array(v_task || jsonb_build_object('tenant_id', p_tenant)));
END
$$;

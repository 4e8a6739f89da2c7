-- INTERNAL find_task(task): returns the id of the task that somebody named by its number or by the beginning of its
-- uuid.
-- Raises LD404 when there is none that this session may see, and LD400 when the beginning fits several. A number below
-- one that is in use belonged to a task or was never given; nobody knows which. Digits alone are a number and never the
-- beginning of a uuid: with many tasks, some uuid begins like the number of a task that is gone.
CREATE OR REPLACE FUNCTION find_task(p_task text) RETURNS uuid
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_ids uuid [];
    v_tenants text [] := session_tenants();
BEGIN
    IF p_task ~ '^[0-9]{1,18}$' THEN
        SELECT array_agg(id) INTO v_ids FROM tasks
        WHERE number = p_task::bigint AND (v_tenants IS NULL OR tenant_id = ANY(v_tenants));
    ELSIF p_task ~* '^[0-9a-f]{4,8}[0-9a-f-]*$' AND length(p_task) <= 36 THEN
        -- A range of the primary key: the prefix is filled up with 0 and with f.
        SELECT array_agg(id) INTO v_ids FROM (
            SELECT id FROM tasks WHERE id BETWEEN
                rpad(replace(p_task, '-', ''), 32, '0')::uuid AND rpad(replace(p_task, '-', ''), 32, 'f')::uuid
                AND (v_tenants IS NULL OR tenant_id = ANY(v_tenants))
            LIMIT 2
        ) AS found;
    END IF;
    IF v_ids IS NULL THEN
        RAISE EXCEPTION 'there is no task %', p_task USING ERRCODE = 'LD404',
            HINT = CASE WHEN p_task ~ '^[0-9]{1,18}$' AND p_task::bigint < (SELECT max(number) FROM tasks)
                THEN 'it may have been pruned, as tasks are that ended long ago; ' ELSE '' END
            || '`llmctl ls` shows the tasks';
    ELSIF cardinality(v_ids) > 1 THEN
        RAISE EXCEPTION 'more than one task begins with %: give more of the uuid', p_task USING ERRCODE = 'LD400';
    END IF;
    RETURN v_ids[1];
END
$$;

-- tasks_deleted(): statement trigger after DELETE on tasks. A deleted task gives its slots back.
-- Locks: those of move_counters().
CREATE OR REPLACE FUNCTION tasks_deleted() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    v_scopes text [];
    v_groups text [];
BEGIN
    SELECT array_agg('-' || scope) INTO v_scopes
    FROM old_rows, unnest(limit_scopes(tool, model, tenant_id, queue)) AS scope
    WHERE status IN ('leased', 'running');
    IF v_scopes IS NOT NULL THEN
        SELECT array_agg('-' || group_name) INTO v_groups FROM old_rows WHERE status IN ('leased', 'running');
        PERFORM move_counters(v_scopes, v_groups);
        PERFORM pg_notify('task_ready', tool) FROM (SELECT DISTINCT tool FROM old_rows) AS tools_with_room;
    END IF;
    RETURN NULL;
END
$$;

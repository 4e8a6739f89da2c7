-- TRIGGER count_limit(): starts the counter of a limit that is created or renamed from the number of tasks that it
-- counts now.
CREATE OR REPLACE FUNCTION count_limit() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    SELECT count(*) INTO new.current_concurrent FROM tasks
    WHERE status IN ('leased', 'running') AND new.scope = ANY(limit_scopes(tool, model, tenant_id, queue, workflow));
    RETURN new;
END
$$;

-- count_limit(): row trigger before a limit is created or renamed: it starts from the number of tasks that it counts
-- right now.
CREATE OR REPLACE FUNCTION count_limit() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    SELECT count(*) INTO new.current_concurrent FROM tasks
    WHERE status IN ('leased', 'running') AND new.scope = ANY(limit_scopes(tool, model, tenant_id, queue));
    RETURN new;
END
$$;

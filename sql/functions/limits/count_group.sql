-- TRIGGER count_group(): starts the counter of a worker group that is created or renamed from the number of tasks that
-- run under its name now: it may have been deleted while they ran, and be created again.
CREATE OR REPLACE FUNCTION count_group() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    SELECT count(*) INTO new.current_concurrent FROM tasks
    WHERE status IN ('leased', 'running') AND group_name = new.group_name;
    RETURN new;
END
$$;

-- count_group(): row trigger before a worker group is created or renamed: it starts from the number of tasks that run
-- under its name right now (it may have been deleted while they did, and be created again).
CREATE OR REPLACE FUNCTION count_group() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    SELECT count(*) INTO new.current_concurrent FROM tasks
    WHERE status IN ('leased', 'running') AND group_name = new.group_name;
    RETURN new;
END
$$;

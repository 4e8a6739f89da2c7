-- task_scheduled(): row trigger before INSERT on tasks that name a time. The claim moves them on when it has come.
CREATE OR REPLACE FUNCTION task_scheduled() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    new.wait_reason := 'scheduled';
    RETURN new;
END
$$;

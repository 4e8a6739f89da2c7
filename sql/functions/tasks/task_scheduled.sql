-- TRIGGER task_scheduled(): sets the wait_reason of a task that names a time. The claim makes it ready when that has
-- come. A task that is held keeps its time and waits for it when it is released.
-- Raises 23514 for a time that most programs cannot read, such as one in a year with a digit too many.
CREATE OR REPLACE FUNCTION task_scheduled() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF new.scheduled_at NOT BETWEEN '0001-01-02 00:00+00' AND '9999-12-30 00:00+00' THEN
        RAISE EXCEPTION '% is not a valid scheduled_at: expected a time in the years 1 to 9999', new.scheduled_at
            USING ERRCODE = 'check_violation';
    END IF;
    new.wait_reason := coalesce(new.wait_reason, 'scheduled');
    RETURN new;
END
$$;

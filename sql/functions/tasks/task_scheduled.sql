-- task_scheduled(): row trigger before INSERT on tasks that name a time. The claim moves them on when it has come.
-- Raises 23514 for a time that most programs cannot read, such as that of a year with a digit too many.
CREATE OR REPLACE FUNCTION task_scheduled() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF new.scheduled_at NOT BETWEEN '0001-01-02 00:00+00' AND '9999-12-30 00:00+00' THEN
        RAISE EXCEPTION 'scheduled_at is a moment of the years 1 to 9999, not %', new.scheduled_at
            USING ERRCODE = 'check_violation';
    END IF;
    new.wait_reason := 'scheduled';
    RETURN new;
END
$$;

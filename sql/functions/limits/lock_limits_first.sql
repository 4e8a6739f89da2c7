-- lock_limits_first(): statement trigger before whatever creates, removes, renames or resizes a limit or group, so that
-- somebody who does it by hand is as safe as the functions: no claim works with the old maximum, and nothing starts or
-- ends between the count and the insert. Locks and errors: those of lock_limits().
CREATE OR REPLACE FUNCTION lock_limits_first() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM lock_limits();
    RETURN NULL;
END
$$;

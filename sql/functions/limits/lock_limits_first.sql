-- TRIGGER lock_limits_first(): takes the locks of lock_limits() before a limit or group is created, removed, renamed or
-- resized, so that a change by hand is as safe as one by the functions: no claim works with the old maximum, and
-- nothing starts or ends between the count and the insert. Raises what lock_limits() raises.
CREATE OR REPLACE FUNCTION lock_limits_first() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM lock_limits();
    RETURN NULL;
END
$$;

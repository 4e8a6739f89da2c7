-- TRIGGER room_changed(): wakes dispatchers when a limit or a group was changed, and not by a counter.
CREATE OR REPLACE FUNCTION room_changed() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('task_ready', '');
    RETURN NULL;
END
$$;

-- TRIGGER refuse_deletion_while_active(): refuses to delete a task that is leased or running. Real processes take its
-- slots and a DELETE does not stop them, so freeing the slots would pass the limits. Raises LD409.
CREATE OR REPLACE FUNCTION refuse_deletion_while_active() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'task % is %; it can be deleted when it has ended', old.number, state_word(old.status)
        USING ERRCODE = 'LD409', HINT = format('cancel it first: `llmctl cancel %s`', old.number);
END
$$;

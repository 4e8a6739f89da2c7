-- refuse_deletion_while_active(): row trigger before DELETE on tasks that are leased or running. Their slots are
-- taken by real processes, which a DELETE does not stop: freeing them would pass the limits. Raises LD409.
CREATE OR REPLACE FUNCTION refuse_deletion_while_active() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'task % is %; it can be deleted when it has ended', old.number, old.status
        USING ERRCODE = 'LD409', HINT = format('cancel it first: `llmctl cancel %s`', old.number);
END
$$;

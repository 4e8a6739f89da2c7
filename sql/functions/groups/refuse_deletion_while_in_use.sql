-- TRIGGER refuse_deletion_while_in_use(): refuses to delete or rename a worker group with active tasks. Whoever adopts
-- their runs needs to know the account. Raises LD409.
CREATE OR REPLACE FUNCTION refuse_deletion_while_in_use() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'worker group % has % active tasks; it can be deleted or renamed when they have ended',
        quote_literal(old.group_name), old.current_concurrent
        USING ERRCODE = 'LD409', HINT = format('pause it first: `llmctl group pause %s`', old.group_name);
END
$$;

-- API remove_limit(scope): removes a limit; nothing bounds the scope any more.
-- Locks: claim lock, counters lock (exclusive), the limit. Raises LD404, and 42501 for the limit of a foreign tenant.
CREATE OR REPLACE FUNCTION remove_limit(p_scope text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM require_limit_of_own(p_scope);
    PERFORM lock_limits();
    DELETE FROM concurrency_limits WHERE scope = p_scope;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no limit %', quote_literal(p_scope) USING ERRCODE = 'LD404';
    END IF;
END
$$;

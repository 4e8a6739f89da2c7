-- API set_limit(scope, max_concurrent): creates or changes a limit. It takes effect at once; what runs above a lowered
-- limit goes on. A new limit starts from the number of tasks that it counts now.
-- Locks: claim lock, counters lock (exclusive), the limit. Raises LD400, also for an unknown tool, and 42501 for the
-- limit of a foreign tenant.
CREATE OR REPLACE FUNCTION set_limit(p_scope text, p_max_concurrent integer) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF coalesce(p_scope, '') !~ '^(tool|model|tenant|queue|workflow):[^[:cntrl:]]+$' OR octet_length(p_scope) > 210 THEN
        RAISE EXCEPTION '% is not a valid scope: expected tool:NAME, model:NAME, tenant:NAME, queue:NAME or workflow:NAME',
            quote_nullable(left(p_scope, 100)) USING ERRCODE = 'LD400';
    ELSIF p_max_concurrent IS NULL OR p_max_concurrent < 0 THEN
        RAISE EXCEPTION '% is not a valid limit: expected 0 or more', p_max_concurrent USING ERRCODE = 'LD400';
    END IF;
    IF p_scope LIKE 'tool:%' AND NOT EXISTS (SELECT FROM tools WHERE 'tool:' || name = p_scope) THEN
        RAISE EXCEPTION '% is not a known tool: expected %', quote_literal(substr(p_scope, length('tool:') + 1)),
            (SELECT string_agg(name, ', ' ORDER BY name) FROM tools)
            USING ERRCODE = 'LD400', HINT = 'a tool of your own is known once a dispatcher has read it in config.yaml';
    END IF;
    PERFORM require_limit_of_own(p_scope);
    PERFORM lock_limits();
    UPDATE concurrency_limits SET max_concurrent = p_max_concurrent, updated_at = clock() WHERE scope = p_scope;
    IF NOT FOUND THEN
        INSERT INTO concurrency_limits (scope, max_concurrent) VALUES (p_scope, p_max_concurrent);
    END IF;
END
$$;

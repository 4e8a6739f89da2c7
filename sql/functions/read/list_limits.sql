-- API list_limits(): returns the limits with the slots that are taken. Of the limits of tenants, a confined session sees
-- only those of its own.
CREATE OR REPLACE FUNCTION list_limits() RETURNS TABLE (scope text, current_concurrent integer, max_concurrent integer)
LANGUAGE sql STABLE
AS $$
    SELECT scope, current_concurrent, max_concurrent FROM concurrency_limits, session_tenants() AS mine
    WHERE mine IS NULL OR scope NOT LIKE 'tenant:%' OR substr(scope, length('tenant:') + 1) = ANY(mine)
    ORDER BY scope
$$;

-- default_tenant(): whom a task is for that names no tenant: the only tenant of the session's role, else "default".
CREATE OR REPLACE FUNCTION default_tenant() RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN cardinality(tenants) = 1 THEN tenants[1] ELSE 'default' END FROM session_tenants() AS tenants
$$;

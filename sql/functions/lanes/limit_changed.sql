-- TRIGGER limit_changed(): row trigger on concurrency_limits for a limit of a tenant, model, queue or workflow that became
-- full, got room, was renamed or is gone. Only the claim may write tenant_turns and tenantless_lanes, so this files
-- the limit in limit_inbox, which the claim reads at its start.
CREATE OR REPLACE FUNCTION limit_changed() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO limit_inbox (scope) SELECT DISTINCT scope FROM (VALUES (old.scope), (new.scope)) AS named (scope)
    WHERE scope IS NOT NULL;
    RETURN NULL;
END
$$;

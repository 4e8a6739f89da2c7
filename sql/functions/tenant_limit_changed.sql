-- tenant_limit_changed(): row trigger on concurrency_limits for a tenant's limit that became full, got room, or is
-- gone. The claim, which alone may write turns, reads tenant_inbox at its start.
CREATE OR REPLACE FUNCTION tenant_limit_changed() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tenant_inbox (tenant_id) VALUES (substr(coalesce(new.scope, old.scope), length('tenant:') + 1));
    RETURN NULL;
END
$$;

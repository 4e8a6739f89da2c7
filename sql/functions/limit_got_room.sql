-- limit_got_room(): row trigger on concurrency_limits for a tenant's limit that is no longer full. The claim, which
-- alone may write turns, reads reopened_tenants at its start.
CREATE OR REPLACE FUNCTION limit_got_room() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO reopened_tenants (tenant_id) VALUES (substr(old.scope, length('tenant:') + 1));
    RETURN NULL;
END
$$;

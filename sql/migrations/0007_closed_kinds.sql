-- A full model or queue closes the few kinds it has, as a full tenant closes its turns, so that thousands of full scopes
-- cost the claim nothing. Only a hint: what is not closed may be full all the same, and the claim asks the limit.

ALTER TABLE kinds ADD COLUMN closed_by text;
CREATE INDEX kinds_open ON kinds (tool) WHERE closed_by IS NULL;
CREATE INDEX kinds_open_of_model ON kinds (model) WHERE closed_by IS NULL AND model IS NOT NULL;
CREATE INDEX kinds_open_of_queue ON kinds (queue) WHERE closed_by IS NULL;
CREATE INDEX kinds_closed ON kinds (closed_by) WHERE closed_by IS NOT NULL;

-- Limits that became full or got room, appended by trigger in the transaction that did it; those of tools, of which
-- there are few, are not told.
CREATE TABLE limit_inbox (
    scope text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
INSERT INTO limit_inbox (scope) SELECT 'tenant:' || tenant_id FROM tenant_inbox;

DROP TRIGGER IF EXISTS concurrency_limits_of_tenants_inserted ON concurrency_limits;
DROP TRIGGER IF EXISTS concurrency_limits_of_tenants_updated ON concurrency_limits;
DROP TRIGGER IF EXISTS concurrency_limits_of_tenants_deleted ON concurrency_limits;
DROP TABLE tenant_inbox;

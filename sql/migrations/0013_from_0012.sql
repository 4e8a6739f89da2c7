-- From schema 12 to schema 13: what 0013_schema.sql creates in a new database. `dispatcher migrate` applies this file
-- instead where the database is at schema 12. Delete it, with its test and fixture, when no database at schema 12 is
-- left.

-- Nothing asks for the full limits of all scopes any more.
DROP INDEX concurrency_limits_coarse;

ALTER TABLE kinds RENAME TO tenantless_lanes;
ALTER TABLE tenantless_lanes RENAME COLUMN kind TO tenantless_lane;
ALTER TABLE lanes RENAME COLUMN kind TO tenantless_lane;
ALTER INDEX kinds_pkey RENAME TO tenantless_lanes_pkey;
ALTER INDEX kinds_open RENAME TO tenantless_lanes_open;
ALTER INDEX kinds_open_of_model RENAME TO tenantless_lanes_open_of_model;
ALTER INDEX kinds_open_of_queue RENAME TO tenantless_lanes_open_of_queue;
ALTER INDEX kinds_closed RENAME TO tenantless_lanes_closed;
ALTER INDEX lanes_of_kind RENAME TO lanes_of_tenantless_lane;

ALTER TABLE turns RENAME TO tenant_turns;
ALTER TABLE tenant_turns RENAME COLUMN served TO last_served;
ALTER INDEX turns_pkey RENAME TO tenant_turns_pkey;
ALTER INDEX turns_in_order RENAME TO tenant_turns_in_order;
ALTER INDEX turns_idle RENAME TO tenant_turns_idle;

-- PostgreSQL 18 gives NOT NULL constraints names, which a renamed table or column does not change.
DO $names$
DECLARE
    stale record;
BEGIN
    FOR stale IN
        SELECT relname, conname, relname || '_' || attname || '_not_null' AS name
        FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
        JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
        WHERE contype = 'n' AND conrelid IN ('lanes'::regclass, 'tenantless_lanes'::regclass, 'tenant_turns'::regclass)
            AND conname <> relname || '_' || attname || '_not_null'
    LOOP
        EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', stale.relname, stale.conname, stale.name);
    END LOOP;
END
$names$;

-- A group that the claim at hand may use, and how many of its slots are free.
CREATE TYPE claimable_group AS (group_name text, tool text, account_name text, free integer);

-- A lane that the claim at hand may take from. Its tasks before number `next_head` come before those of all other
-- lanes: null when that is all of them, and 0 when it is known of the first one only.
CREATE TYPE candidate_lane AS (
    lane uuid, tool text, account text, model text, tenant_id text, queue text, priority smallint,
    head bigint, next_head bigint
);

-- One of the first ready tasks of a lane, and how much it adds to what a claim returns.
CREATE TYPE ready_task AS (id uuid, number bigint, created_at timestamptz, bytes bigint);

-- What the claim at hand took in one step: so many tasks, and the limits that count each of them.
CREATE TYPE claim_step AS (tool text, priority smallint, scopes text [], tasks integer);

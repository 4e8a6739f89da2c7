-- Schedules: tasks that are submitted again and again, at the instants of a cron expression in a time zone.

CREATE TABLE schedules (
    tenant_id text NOT NULL CHECK (tenant_id ~ '^[^[:cntrl:]]+$' AND octet_length(tenant_id) <= 200),
    name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    cron text NOT NULL CHECK (cron ~ '^[^[:cntrl:]]+$' AND octet_length(cron) <= 200),
    -- A name of the IANA time zone database. The server need not know it: only dispatchers compute instants.
    zone text NOT NULL CHECK (zone ~ '^[A-Za-z0-9][A-Za-z0-9._+/-]{0,99}$'),
    -- As submit_tasks() takes it.
    task jsonb NOT NULL CHECK (jsonb_typeof(task) = 'object'),
    -- What happens at an instant while a task of the schedule has not ended.
    overlap text NOT NULL CHECK (overlap IN ('skip', 'queue', 'replace')),
    -- What happens to instants that passed while no dispatcher was there; `all` goes back `within_s` seconds.
    catch_up text NOT NULL CHECK (catch_up IN ('one', 'all', 'none')),
    within_s double precision CHECK (within_s > 0 AND within_s <= 1e9),
    CHECK ((within_s IS NOT NULL) = (catch_up = 'all') AND (catch_up <> 'all' OR overlap = 'queue')),
    max_failures integer NOT NULL CHECK (max_failures BETWEEN 1 AND 1000),
    -- Why it submits nothing: somebody paused it, its tasks fail, or a dispatcher cannot read its expression or zone.
    pause_class text CHECK (pause_class IN ('person', 'failures', 'unreadable')),
    pause_reason text CHECK ((pause_reason IS NULL) = (pause_class IS NULL)),
    paused_at timestamptz,
    -- Changes whenever instants or task do: whoever computed for an earlier revision writes nothing.
    revision bigint NOT NULL DEFAULT 1,
    -- All instants until then are dealt with; those of a new schedule begin there.
    done_until timestamptz NOT NULL,
    -- The next instant. Null: to be computed.
    next_at timestamptz,
    -- The version of the time zone database that next_at was computed with.
    zone_data text,
    -- The newest instant for which something was submitted, and that task.
    last_at timestamptz,
    last_task bigint,
    -- What was wrong at the newest instant; null when nothing was. Then: submissions refused since one was accepted, instants
    -- left out since an earlier task had not ended, and the last task before somebody resumed or changed it: no earlier
    -- failure counts.
    last_error text,
    refusals integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    judged_after bigint NOT NULL DEFAULT 0,
    -- The host whose config.yaml brought it. Null: people did.
    configured_on text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz GENERATED ALWAYS AS (
        CASE WHEN pause_class IS NULL THEN coalesce(next_at, 'epoch'::timestamptz) END
    ) STORED,
    PRIMARY KEY (tenant_id, name)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
-- The first one: each claim looks at it.
CREATE INDEX schedules_due ON schedules (due_at) WHERE due_at IS NOT NULL;

-- The schedule that submitted it, by its name within the tenant.
ALTER TABLE tasks ADD COLUMN schedule text;
-- Which tasks of a schedule have not ended, and how the newest others ended.
CREATE INDEX tasks_of_schedule ON tasks (tenant_id, schedule, (status IN ('queued', 'leased', 'running')), number)
WHERE schedule IS NOT NULL;

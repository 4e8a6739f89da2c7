-- Hooks: who is told of what happens, and what is still to be told.

-- The hooks that it names, which hear of named tasks only.
ALTER TABLE tasks ADD COLUMN hooks text [];

-- What config.yaml says of who is told. Commands, addresses and secrets stay there: whoever writes to this table makes no
-- dispatcher run or call anything.
CREATE TABLE hooks (
    name text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    -- Whose config.yaml named it last; what that no longer names is removed.
    host text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('command', 'webhook')),
    -- For people: the program, or the host of the address. More of an address may be secret.
    target text NOT NULL,
    events text [] NOT NULL CHECK (events <> '{}'),
    -- {"tenant": …, "queue": …, "workflow": …, "tool": …, "labels": {…}}: what it hears of.
    selection jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(selection) = 'object'),
    -- Whether it hears only of tasks that name it, and whether it is told prompts and answers.
    named boolean NOT NULL DEFAULT false, content boolean NOT NULL DEFAULT false,
    -- Why nothing more is told to it. Null: it is on.
    disabled_reason text,
    -- Deliveries that failed one after the other, and until when it rests.
    failures integer NOT NULL DEFAULT 0, resumes_at timestamptz,
    -- Deliveries that were given up because there were too many.
    dropped bigint NOT NULL DEFAULT 0
);

-- The outbox: a row for each event and each hook that hears it, written in the transaction of the event. There is no
-- foreign key: its lock would make each end of a task write to the row of the hook.
CREATE TABLE hook_deliveries (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hook text NOT NULL,
    -- The same for all hooks and all attempts.
    event uuid NOT NULL,
    type text NOT NULL,
    -- What it is about, such as task:12. Of one subject a hook hears in order.
    subject text NOT NULL,
    payload jsonb NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    -- With each attempt due_at moves behind the time that the attempt may take. So it is a lease, and the number of
    -- attempts is its fence.
    attempts integer NOT NULL DEFAULT 0,
    at timestamptz NOT NULL, due_at timestamptz NOT NULL, ended_at timestamptz,
    -- What came of the last attempt.
    detail text,
    CHECK ((state = 'pending') = (ended_at IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
-- What is due, and what of its subject comes first.
CREATE INDEX hook_deliveries_due ON hook_deliveries (hook, due_at, number) WHERE state = 'pending';
CREATE INDEX hook_deliveries_in_order ON hook_deliveries (hook, subject, number) WHERE state = 'pending';
-- What people repeat, and what retention deletes.
CREATE INDEX hook_deliveries_dead ON hook_deliveries (hook, number) WHERE state = 'dead';
CREATE INDEX hook_deliveries_ended ON hook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX hook_deliveries_newest ON hook_deliveries (hook, number);

-- The workflows of which a task has ended. Whether that was the last one is seen after the commit, by one at a time: see
-- settle_workflows(). There is no key, so that nobody waits.
CREATE TABLE workflow_inbox (tenant_id text NOT NULL, workflow text NOT NULL)
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

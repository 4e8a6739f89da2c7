-- The data of the dispatcher. Tasks are the truth; everything about lanes is derived from them by the claim.
-- Every decision is taken by a function on the server's clock; see sql/functions/.

-- One row: tells two databases apart that share a work directory.
CREATE TABLE database_identity (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);
INSERT INTO database_identity DEFAULT VALUES;

CREATE TABLE tools (
    name text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO tools (name) VALUES ('claude'), ('codex'), ('gemini');

-- A worker group is one account of one tool. env_vars holds references (env:NAME, file:/path), never secrets.
CREATE TABLE worker_groups (
    group_name text COLLATE "C" PRIMARY KEY CHECK (group_name ~ '^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$'),
    tool text NOT NULL REFERENCES tools (name),
    account_name text NOT NULL CHECK (account_name ~ '^[^[:cntrl:]]+$' AND octet_length(account_name) <= 200),
    max_concurrent integer NOT NULL CHECK (max_concurrent >= 0),
    current_concurrent integer NOT NULL DEFAULT 0 CHECK (current_concurrent >= 0),
    env_vars jsonb NOT NULL DEFAULT '{}'
    CHECK (jsonb_typeof(env_vars) = 'object' AND NOT jsonb_path_exists(env_vars, 'strict $.* ? (@.type() != "string")')),
    config_home text,
    hosts text [],
    paused boolean NOT NULL DEFAULT false,
    pause_reason text,
    cooldown_until timestamptz CHECK (isfinite(cooldown_until)),
    cooldown_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tool, account_name)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE TABLE concurrency_limits (
    scope text COLLATE "C" PRIMARY KEY
    CHECK (scope ~ '^(tool|model|tenant|queue):[^[:cntrl:]]+$' AND octet_length(scope) <= 210),
    max_concurrent integer NOT NULL CHECK (max_concurrent >= 0),
    current_concurrent integer NOT NULL DEFAULT 0 CHECK (current_concurrent >= 0),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- Every claim reads the limits that are full. Those of tenants may be many and are flags on turns instead.
CREATE INDEX concurrency_limits_coarse ON concurrency_limits (scope) WHERE scope NOT LIKE 'tenant:%';
INSERT INTO concurrency_limits (scope, max_concurrent) VALUES
('tool:claude', 3), ('tool:codex', 5), ('tool:gemini', 5);

-- The one table that says what an error does: whether it uses up an attempt, whether the task is tried again, what
-- that waits for (null: only for a slot), what becomes of the worker group, and what a person calls it.
-- A class that is not retried fails the task at once. One that is, but uses up no attempt, is retried for ever.
CREATE TABLE error_classes (
    name text PRIMARY KEY,
    run_status text NOT NULL DEFAULT 'failed',
    uses_attempt boolean NOT NULL,
    retried boolean NOT NULL,
    wait_reason text CHECK (wait_reason IN ('retry', 'limit')),
    group_action text CHECK (group_action IN ('cool down', 'pause')),
    meaning text NOT NULL
);
INSERT INTO error_classes (name, run_status, uses_attempt, retried, wait_reason, group_action, meaning) VALUES
('limit', 'rate_limited', false, true, 'limit', 'cool down', 'the account''s usage limit is reached'),
('throttled', 'rate_limited', false, true, 'retry', NULL, 'the service asked to slow down'),
('overloaded', 'failed', true, true, 'retry', NULL, 'the service is overloaded'),
-- Uses up attempts: a task whose model is forbidden to the account must not pause the group again and again.
('auth', 'failed', true, true, NULL, 'pause', 'the account is not logged in or was refused'),
('budget', 'failed', true, false, NULL, NULL, 'the money or turn limit of the run is reached'),
('context_too_long', 'failed', true, false, NULL, NULL, 'the prompt does not fit the model''s context'),
('invalid_request', 'failed', true, false, NULL, NULL, 'the CLI or the service refused the request as wrong'),
('permission_denied', 'failed', true, false, NULL, NULL, 'the task needs a permission it does not have'),
('empty_result', 'failed', true, true, 'retry', NULL, 'the agent ended without an answer'),
('agent_error', 'failed', true, true, 'retry', NULL, 'the agent reported a failure'),
('timeout', 'timed_out', true, true, 'retry', NULL, 'the run took longer than its timeout'),
('stalled', 'timed_out', true, true, 'retry', NULL, 'the agent printed nothing for too long'),
('canceled', 'canceled', false, false, NULL, NULL, 'somebody canceled the task'),
('interrupted', 'interrupted', false, true, NULL, NULL, 'the dispatcher stopped the run'),
('lost', 'lost', true, true, 'retry', NULL, 'the run ended without a trace'),
('no_resources', 'failed', false, true, 'retry', NULL, 'this host could not start another process or write its files'),
('spawn_failed', 'failed', true, false, NULL, NULL, 'the agent could not be started'),
('output_missing', 'failed', true, true, 'retry', NULL, 'a declared output file was not written'),
('output_too_large', 'failed', true, false, NULL, NULL, 'the run wrote more than is allowed');

CREATE TABLE tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    -- Bounded in bytes: a name too long for the indexes of the claim would fail every claim, not its own INSERT.
    tenant_id text NOT NULL DEFAULT 'default' CHECK (tenant_id ~ '^[^[:cntrl:]]+$' AND octet_length(tenant_id) <= 200),
    queue text NOT NULL DEFAULT 'default' CHECK (queue ~ '^[^[:cntrl:]]+$' AND octet_length(queue) <= 200),
    tool text NOT NULL REFERENCES tools (name),
    account text CHECK (account ~ '^[^[:cntrl:]]+$' AND octet_length(account) <= 200),
    model text CHECK (model ~ '^[^[:cntrl:]]+$' AND octet_length(model) <= 200),
    priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 9),
    name text,
    labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    prompt text NOT NULL CHECK (prompt <> '' AND octet_length(prompt) <= 33554432),
    input_files jsonb NOT NULL DEFAULT '[]'
    CHECK (jsonb_typeof(input_files) = 'array' AND jsonb_array_length(input_files) <= 1000),
    output_files jsonb NOT NULL DEFAULT '[]'
    CHECK (
        jsonb_typeof(output_files) = 'array' AND jsonb_array_length(output_files) <= 1000
        AND NOT jsonb_path_exists(output_files, 'strict $[*] ? (@.type() != "string")')
    ),
    permission text NOT NULL DEFAULT 'edit' CHECK (permission IN ('read', 'edit', 'full')),
    workdir text,
    timeout_s integer CHECK (timeout_s > 0),
    stall_timeout_s integer CHECK (stall_timeout_s > 0),
    idempotency_key text CHECK (idempotency_key <> '' AND octet_length(idempotency_key) <= 1000),

    status text NOT NULL DEFAULT 'queued'
    CHECK (status IN ('queued', 'leased', 'running', 'succeeded', 'failed', 'canceled')),
    wait_reason text CHECK (wait_reason IN ('scheduled', 'retry', 'limit', 'dependency', 'held')),
    scheduled_at timestamptz CHECK (isfinite(scheduled_at)),
    next_attempt_at timestamptz CHECK (isfinite(next_attempt_at)),
    ready_at timestamptz GENERATED ALWAYS AS (greatest(scheduled_at, next_attempt_at)) STORED,
    -- Failures so far. A limit, a drain or an interruption uses up none.
    attempt integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 3 CHECK (max_attempts >= 1),
    backoff_s real NOT NULL DEFAULT 30 CHECK (backoff_s >= 0),

    -- The claim in force. run_no grows with every claim, so it is the fence and attempt is not.
    run_no integer NOT NULL DEFAULT 0,
    run_id uuid,
    leased_by uuid,
    group_name text,
    cancel_requested_at timestamptz,

    session_id text,
    result jsonb,
    error_class text,
    error_message text,
    started_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    -- Tasks of one lane are alike in every limit, so only the oldest of a lane can be next. Priority is part of
    -- it: changing a task's priority moves it to another lane by itself.
    lane uuid NOT NULL GENERATED ALWAYS AS (md5(
        tool || chr(31) || coalesce(account, '') || chr(31) || coalesce(model, '') || chr(31)
        || tenant_id || chr(31) || queue || chr(31) || priority
    )::uuid) STORED,
    CHECK (wait_reason IS NULL OR status = 'queued'),
    -- Without a time nothing would ever end the waiting.
    CHECK (
        wait_reason NOT IN ('scheduled', 'retry', 'limit') OR scheduled_at IS NOT NULL OR next_attempt_at IS NOT NULL
    ),
    CHECK ((status IN ('leased', 'running')) = (leased_by IS NOT NULL))
) WITH (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);
-- (created_at, number) and not number alone: the planner would rather walk unique (number) past a million
-- rows of other lanes (measured: 350-500 ms a probe). For the same reason no other index starts with created_at.
CREATE INDEX tasks_ready ON tasks (lane, created_at, number) WHERE status = 'queued' AND wait_reason IS NULL;
CREATE INDEX tasks_due ON tasks (ready_at)
WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit');
CREATE INDEX tasks_active ON tasks (leased_by) WHERE status IN ('leased', 'running');
CREATE UNIQUE INDEX tasks_idempotency ON tasks (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- The worker registry. A heartbeat writes this one row, whatever runs; a closed dispatcher never reopens.
CREATE TABLE dispatchers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    host text NOT NULL,
    boot_id text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    work_dir_id uuid NOT NULL,
    groups text [],
    lease_s real NOT NULL CHECK (lease_s > 0),
    started_at timestamptz NOT NULL DEFAULT now(),
    last_heartbeat_at timestamptz NOT NULL DEFAULT now(),
    lease_expires_at timestamptz NOT NULL,
    closed boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- The audit: one row a claim, never changed after its end.
CREATE TABLE task_runs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    run_no integer NOT NULL,
    attempt integer NOT NULL,
    status text NOT NULL DEFAULT 'running' CHECK (status IN (
        'running', 'succeeded', 'failed', 'canceled', 'timed_out', 'rate_limited', 'interrupted', 'lost'
    )),
    group_name text NOT NULL,
    dispatcher_id uuid NOT NULL,
    work_dir_id uuid NOT NULL,
    host text NOT NULL,
    boot_id text NOT NULL,
    pid integer,
    claimed_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    latency_ms integer,
    exit_code integer,
    signal text,
    error_class text,
    error_message text,
    session_id text,
    final_text text,
    stdout_trunc text,
    stderr text,
    output_files jsonb NOT NULL DEFAULT '[]',
    input_tokens bigint,
    cached_input_tokens bigint,
    output_tokens bigint,
    tokens_used bigint GENERATED ALWAYS AS (input_tokens + output_tokens) STORED,
    cost_usd numeric,
    UNIQUE (task_id, run_no)
) WITH (fillfactor = 80);
CREATE INDEX task_runs_open ON task_runs (work_dir_id) WHERE status = 'running';

CREATE TABLE task_files (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    run_id uuid REFERENCES task_runs (id) ON DELETE CASCADE,
    path text NOT NULL,
    is_input boolean NOT NULL,
    content bytea,
    storage_url text,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    mode integer NOT NULL DEFAULT 420,  -- 0644
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (is_input = (run_id IS NULL)),
    CHECK ((content IS NULL) <> (storage_url IS NULL))
);
CREATE UNIQUE INDEX task_files_input ON task_files (task_id, path) WHERE is_input;
CREATE UNIQUE INDEX task_files_output ON task_files (run_id, path) WHERE NOT is_input;
CREATE INDEX task_files_task ON task_files (task_id);

-- What follows belongs to the claim alone; its structure and the figures behind it are in docs/design.md.

-- Producers append here, by trigger, which lanes got work. No key: two producers never wait for each other.
CREATE TABLE lane_inbox (
    lane uuid NOT NULL,
    tool text NOT NULL,
    account text,
    model text,
    tenant_id text NOT NULL,
    queue text NOT NULL,
    priority smallint NOT NULL,
    number bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- The order inside a tenant. head hints at the number of the lane's first task: it is never behind it, and null means
-- empty. A contended lane is not empty, but others hold its first rows in open transactions: it steps aside.
CREATE TABLE lanes (
    lane uuid PRIMARY KEY,
    kind uuid NOT NULL,
    tool text NOT NULL,
    account text,
    model text,
    tenant_id text NOT NULL,
    queue text NOT NULL,
    priority smallint NOT NULL,
    head bigint,
    contended_at timestamptz
) WITH (
    fillfactor = 60,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX lanes_of_tenant ON lanes (tenant_id, tool, priority, head)
WHERE head IS NOT NULL AND contended_at IS NULL;
CREATE INDEX lanes_of_kind ON lanes (kind, priority DESC, head) WHERE head IS NOT NULL AND contended_at IS NULL;
CREATE INDEX lanes_contended ON lanes (contended_at) WHERE contended_at IS NOT NULL;

-- Lanes that differ in tenant and priority alone: what is blocked by tool, model, queue or account is blocked for
-- the whole kind.
CREATE TABLE kinds (
    kind uuid PRIMARY KEY,
    tool text NOT NULL,
    account text,
    model text,
    queue text NOT NULL
);

-- The order over tenants. Who was served goes behind all others; a closed tenant's own limit is full.
CREATE TABLE turns (
    tool text NOT NULL,
    priority smallint NOT NULL,
    tenant_id text NOT NULL,
    turn bigint NOT NULL DEFAULT 0,
    waiting boolean NOT NULL DEFAULT true,
    closed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, tool, priority)
) WITH (
    fillfactor = 60,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX turns_in_order ON turns (tool, priority DESC, turn, tenant_id) WHERE waiting AND NOT closed;
CREATE SEQUENCE turn_numbers;

-- Tenants whose own limit became full or got room, appended by trigger in the transaction that did it. The claim
-- brings their turns up to date before it looks at any, so that a full tenant costs it nothing.
CREATE TABLE tenant_inbox (
    tenant_id text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

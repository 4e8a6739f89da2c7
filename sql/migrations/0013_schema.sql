-- The whole schema: every table, index and seed as it is now. A new database begins here; a database at schema 12 comes
-- here by 0013_from_0012.sql. A later change of the schema is a migration of its own: 0014_name.sql.
--
-- Functions and triggers are not here: sql/functions/ and sql/triggers.sql create them again after each migration. They
-- take every decision, on the server's clock. docs/design.md says why the tables are as they are.

-- One row: an id by which two databases that share a work directory are told apart.
CREATE TABLE database_identity (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);
INSERT INTO database_identity DEFAULT VALUES;

-- The tenants that a role may submit for and whose tasks it may see. A member of a group role has the tenants of that
-- role, too.
CREATE TABLE tenant_roles (
    role_name name NOT NULL,
    tenant_id text NOT NULL CHECK (tenant_id ~ '^[^[:cntrl:]]+$' AND octet_length(tenant_id) <= 200),
    PRIMARY KEY (role_name, tenant_id)
);

-- Tools, accounts and limits -----------------------------------------------------------------------------------------

-- A tool is an agent CLI. How it is called stands in the configuration of each dispatcher, never here.
CREATE TABLE tools (
    name text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO tools (name) VALUES ('claude'), ('codex'), ('gemini');

-- A worker group is one account of one tool, with its slots. Every claim and report updates a few rows of this table
-- and of concurrency_limits. Dead versions are pruned within the page, so they alone never bring VACUUM. But a row
-- moves to a new page each time that a snapshot holds its old versions, and only VACUUM makes the old page known as
-- free (measured: 4 groups on 19 pages after 200,000 tasks, and growing). Hence the low threshold.
CREATE TABLE worker_groups (
    group_name text COLLATE "C" PRIMARY KEY CHECK (group_name ~ '^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$'),
    tool text NOT NULL REFERENCES tools (name),
    account_name text NOT NULL CHECK (account_name ~ '^[^[:cntrl:]]+$' AND octet_length(account_name) <= 200),
    max_concurrent integer NOT NULL CHECK (max_concurrent >= 0),
    -- The tasks that are leased or running. Only the status trigger of tasks changes it.
    current_concurrent integer NOT NULL DEFAULT 0 CHECK (current_concurrent >= 0),
    -- References (env:NAME, file:/path), never secrets.
    env_vars jsonb NOT NULL DEFAULT '{}'
    CHECK (jsonb_typeof(env_vars) = 'object' AND NOT jsonb_path_exists(env_vars, 'strict $.* ? (@.type() != "string")')),
    config_home text,
    -- The hosts that may run its tasks. Null: all.
    hosts text [],
    -- Whether its tasks may go to another account of the tool when this one cools down.
    failover boolean NOT NULL DEFAULT true,
    paused boolean NOT NULL DEFAULT false, pause_reason text,
    cooldown_until timestamptz CHECK (isfinite(cooldown_until)), cooldown_reason text,
    -- After a cool-down the group takes one task at a time, until a run has shown that the account works again.
    unproven boolean NOT NULL DEFAULT false,
    daily_budget_usd numeric CHECK (daily_budget_usd > 0), task_budget_usd numeric CHECK (task_budget_usd > 0),
    -- What its runs that ended on this day (UTC) cost, as far as their CLI reports it.
    spent_on date, spent_usd numeric NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tool, account_name)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20);

-- The limits of tools, models, tenants and queues: scope is, for example, 'tool:claude'. A scope without a row has
-- none.
CREATE TABLE concurrency_limits (
    scope text COLLATE "C" PRIMARY KEY
    CHECK (scope ~ '^(tool|model|tenant|queue):[^[:cntrl:]]+$' AND octet_length(scope) <= 210),
    max_concurrent integer NOT NULL CHECK (max_concurrent >= 0),
    -- As in worker_groups.
    current_concurrent integer NOT NULL DEFAULT 0 CHECK (current_concurrent >= 0),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20);
INSERT INTO concurrency_limits (scope, max_concurrent) VALUES
('tool:claude', 3), ('tool:codex', 5), ('tool:gemini', 5);

-- What an error does. This table alone says whether it uses up an attempt, whether the task is tried again, what that
-- waits for (null: only for a slot), what becomes of the worker group, and how a person calls the error.
-- A class that is not retried fails the task at once. One that is retried and uses up no attempt is retried for ever.
CREATE TABLE error_classes (
    name text PRIMARY KEY,
    run_status text NOT NULL DEFAULT 'failed',
    uses_attempt boolean NOT NULL, retried boolean NOT NULL,
    wait_reason text CHECK (wait_reason IN ('retry', 'limit')),
    group_action text CHECK (group_action IN ('cool down', 'pause')),
    meaning text NOT NULL
);
INSERT INTO error_classes (name, run_status, uses_attempt, retried, wait_reason, group_action, meaning) VALUES
('limit', 'rate_limited', false, true, 'limit', 'cool down', 'the account''s usage limit is reached'),
('throttled', 'rate_limited', false, true, 'retry', NULL, 'the service asked to slow down'),
('overloaded', 'failed', true, true, 'retry', NULL, 'the service is overloaded'),
-- These two use up no attempt: the tasks wait until somebody has looked at the account.
('auth', 'failed', false, true, NULL, 'pause', 'the account is not logged in or was refused'),
('no_credit', 'failed', false, true, NULL, 'pause', 'the account has no money left'),
('budget', 'failed', true, false, NULL, NULL, 'the money or turn limit that the run was given is reached'),
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

-- Tasks --------------------------------------------------------------------------------------------------------------

-- A task is what somebody submits, and what becomes of it.
CREATE TABLE tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,

    -- What was submitted. Names are bounded in bytes: one that is too long for the indexes of the claim would fail
    -- every claim instead of its own INSERT.
    tenant_id text NOT NULL DEFAULT 'default' CHECK (tenant_id ~ '^[^[:cntrl:]]+$' AND octet_length(tenant_id) <= 200),
    queue text NOT NULL DEFAULT 'default' CHECK (queue ~ '^[^[:cntrl:]]+$' AND octet_length(queue) <= 200),
    tool text NOT NULL REFERENCES tools (name),
    account text CHECK (account ~ '^[^[:cntrl:]]+$' AND octet_length(account) <= 200),
    model text CHECK (model ~ '^[^[:cntrl:]]+$' AND octet_length(model) <= 200),
    fallback_model text CHECK (fallback_model ~ '^[^[:cntrl:]]+$' AND octet_length(fallback_model) <= 200),
    priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 9),
    name text,
    labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    prompt text NOT NULL CHECK (prompt <> '' AND octet_length(prompt) <= 33554432),
    input_files jsonb NOT NULL DEFAULT '[]'
    CHECK (jsonb_typeof(input_files) = 'array' AND jsonb_array_length(input_files) <= 1000),
    output_files jsonb NOT NULL DEFAULT '[]'
    CHECK (jsonb_typeof(output_files) = 'array' AND jsonb_array_length(output_files) <= 1000
        AND NOT jsonb_path_exists(output_files, 'strict $[*] ? (@.type() != "string")')),
    permission text NOT NULL DEFAULT 'edit' CHECK (permission IN ('read', 'edit', 'full')),
    workdir text,
    timeout_s integer CHECK (timeout_s > 0), stall_timeout_s integer CHECK (stall_timeout_s > 0),
    max_attempts integer NOT NULL DEFAULT 3 CHECK (max_attempts >= 1),
    backoff_s real NOT NULL DEFAULT 30 CHECK (backoff_s >= 0),
    -- The error classes after which it is tried again, of those that use up an attempt. Null: as error_classes says.
    retry_on text [],
    idempotency_key text CHECK (idempotency_key <> '' AND octet_length(idempotency_key) <= 1000),
    -- The session that was named at its submission; session_id is that of its last run.
    asked_session text,

    -- Where it stands.
    status text NOT NULL DEFAULT 'queued'
    CHECK (status IN ('queued', 'leased', 'running', 'succeeded', 'failed', 'canceled')),
    -- What a queued task waits for, other than a slot.
    wait_reason text CHECK (wait_reason IN ('scheduled', 'retry', 'limit', 'dependency', 'held')),
    scheduled_at timestamptz CHECK (isfinite(scheduled_at)),
    next_attempt_at timestamptz CHECK (isfinite(next_attempt_at)),
    ready_at timestamptz GENERATED ALWAYS AS (greatest(scheduled_at, next_attempt_at)) STORED,
    -- Failures so far. A limit, a drain or an interruption uses up no attempt.
    attempt integer NOT NULL DEFAULT 0,
    cancel_requested_at timestamptz,

    -- The claim in force. run_no grows with every claim, so it is the fence; attempt cannot be.
    run_no integer NOT NULL DEFAULT 0, run_id uuid, leased_by uuid, group_name text,

    -- The run whose session and directory it continues. `continues` is a run of another task and stays. `resumes` is
    -- its own last run, which was cut short; a next run in another account or work directory starts over.
    continues uuid, resumes uuid,

    session_id text, result jsonb, error_class text, error_message text,
    started_at timestamptz, finished_at timestamptz,
    -- When the stored output of its runs was deleted.
    output_pruned_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),

    -- Tasks of one lane are alike in every limit, so only the oldest of a lane can be next. Priority is part of the
    -- lane: a task whose priority changes moves to another lane by itself.
    lane uuid NOT NULL GENERATED ALWAYS AS (md5(
        tool || chr(31) || coalesce(account, '') || chr(31) || coalesce(model, '') || chr(31)
        || tenant_id || chr(31) || queue || chr(31) || priority
    )::uuid) STORED,

    CHECK (wait_reason IS NULL OR status = 'queued'),
    -- Without a time nothing would ever end the waiting.
    CHECK (
        wait_reason NOT IN ('scheduled', 'retry', 'limit') OR scheduled_at IS NOT NULL OR next_attempt_at IS NOT NULL
    ),
    CHECK ((status IN ('leased', 'running')) = (leased_by IS NOT NULL)),
    -- A site may let somebody insert rows by hand. Such a row must not break a list by a time that no program can read,
    -- nor pruning by a task that has ended and is still at work.
    CHECK (
        least(created_at, started_at, finished_at) >= '1970-01-01 00:00+00'
        AND greatest(created_at, started_at, finished_at) <= '9999-01-01 00:00+00'
        AND (finished_at IS NULL OR status IN ('succeeded', 'failed', 'canceled'))
    )
) WITH (
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);
-- For the claim: the first task of a lane. The key is (created_at, number) and not number alone: the planner would
-- rather walk the unique index on number past a million rows of other lanes (measured: 350-500 ms a probe). For the
-- same reason no other index begins with created_at.
CREATE INDEX tasks_ready ON tasks (lane, created_at, number) WHERE status = 'queued' AND wait_reason IS NULL;
-- For the claim: what waits for a time, and when the next one is due.
CREATE INDEX tasks_due ON tasks (ready_at)
WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit');
-- What a dispatcher has in its hands.
CREATE INDEX tasks_active ON tasks (leased_by) WHERE status IN ('leased', 'running');
CREATE UNIQUE INDEX tasks_idempotency ON tasks (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
-- The replies to a run.
CREATE INDEX tasks_continues ON tasks (continues) WHERE continues IS NOT NULL;
-- For retention: what ended long ago, and of that what still has output. They are on tasks and not on runs, so that no
-- index has a column that changes at the end of a run, and the three updates of a run stay within its page (measured
-- over 200,000 tasks: see docs/performance.md).
CREATE INDEX tasks_ended ON tasks (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX tasks_with_output ON tasks (finished_at) WHERE finished_at > coalesce(output_pruned_at, '-infinity');

-- Dispatchers and runs -----------------------------------------------------------------------------------------------

-- One row for each start of a dispatcher: the lease of all its runs. A heartbeat writes this one row, however many runs
-- there are. A closed dispatcher never reopens.
CREATE TABLE dispatchers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    host text NOT NULL, boot_id text NOT NULL, pid integer NOT NULL,
    version text NOT NULL, work_dir_id uuid NOT NULL,
    -- The worker groups that it serves. Null: all.
    groups text [],
    lease_s real NOT NULL CHECK (lease_s > 0),
    started_at timestamptz NOT NULL DEFAULT now(), last_heartbeat_at timestamptz NOT NULL DEFAULT now(),
    lease_expires_at timestamptz NOT NULL, closed boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20);

-- The audit: one row for each claim, which nothing changes after its end. No index has a column that changes during a
-- run, so that its updates, up to four a second, stay within its page. Open runs are found by their tasks.
CREATE TABLE task_runs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    run_no integer NOT NULL, attempt integer NOT NULL,
    status text NOT NULL DEFAULT 'running' CHECK (status IN (
        'running', 'succeeded', 'failed', 'canceled', 'timed_out', 'rate_limited', 'interrupted', 'lost'
    )),

    group_name text NOT NULL,
    dispatcher_id uuid NOT NULL, work_dir_id uuid NOT NULL,
    host text NOT NULL, boot_id text NOT NULL, pid integer,
    -- The workspace whose work/ the agent works in: NUMBER-RUN_NO of the run that the session began with.
    directory text,
    -- The run whose session it continues.
    resumed uuid,

    claimed_at timestamptz NOT NULL, started_at timestamptz, finished_at timestamptz, latency_ms integer,
    last_activity_at timestamptz, activity text,

    -- What the agent printed so far, and how much of that is stored. The rest is above max_log_bytes, or on its way.
    stdout_bytes bigint NOT NULL DEFAULT 0, stderr_bytes bigint NOT NULL DEFAULT 0,
    stdout_stored bigint NOT NULL DEFAULT 0, stderr_stored bigint NOT NULL DEFAULT 0,

    exit_code integer, signal text, error_class text, error_message text, session_id text,
    final_text text, stdout_trunc text, stderr text,
    output_files jsonb NOT NULL DEFAULT '[]',
    -- What the agent wanted to do and was not permitted to, in words. Runs that succeeded may have some, too.
    denials jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(denials) = 'array'),

    input_tokens bigint, cached_input_tokens bigint, output_tokens bigint,
    tokens_used bigint GENERATED ALWAYS AS (input_tokens + output_tokens) STORED,
    cost_usd numeric,
    -- How the agent proved who it is: by an API key, a token, or the login in its config home. With a token or a login
    -- a subscription pays, so that a cost is notional.
    auth_mode text CHECK (auth_mode IN ('key', 'token', 'login')),
    UNIQUE (task_id, run_no)
) WITH (fillfactor = 80);

-- What agents print, as it comes. Append-only and without a trigger. Positions are those of the run's log. Secrets are
-- masked in the content, so its length says nothing about positions.
CREATE TABLE run_output (
    run_id uuid NOT NULL REFERENCES task_runs (id) ON DELETE CASCADE,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    stream text NOT NULL CHECK (stream IN ('stdout', 'stderr')),
    starts_at bigint NOT NULL CHECK (starts_at >= 0), ends_at bigint NOT NULL,
    at timestamptz NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (run_id, seq),
    CHECK (ends_at > starts_at)
);

-- What a dispatcher sends in pieces, since a slow line would not bring the whole in time: output files by their paths,
-- and the answer of a run under the name ''. Nobody sees a piece. keep_pieces() and end_runs() put them together, and
-- they are gone when the run has ended.
CREATE TABLE run_pieces (
    run_id uuid NOT NULL REFERENCES task_runs (id) ON DELETE CASCADE,
    name text NOT NULL,
    starts_at bigint NOT NULL CHECK (starts_at >= 0),
    content bytea NOT NULL,
    PRIMARY KEY (run_id, name, starts_at)
);

-- The files that a task is given (is_input) and those that its runs wrote. Large ones are kept outside, at storage_url.
CREATE TABLE task_files (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    run_id uuid REFERENCES task_runs (id) ON DELETE CASCADE,
    path text NOT NULL, is_input boolean NOT NULL,
    content bytea, storage_url text,
    size_bytes bigint NOT NULL, sha256 text NOT NULL,
    mode integer NOT NULL DEFAULT 420,  -- 0644
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (is_input = (run_id IS NULL)),
    CHECK ((content IS NULL) <> (storage_url IS NULL))
);
CREATE INDEX task_files_task ON task_files (task_id);
CREATE UNIQUE INDEX task_files_input ON task_files (task_id, path) WHERE is_input;
-- "NOT is_input" says the same as its condition, but does not serve the foreign key, which looks for the files of a run
-- by run_id alone: each run that was deleted cost a walk through all files.
CREATE UNIQUE INDEX task_files_of_run ON task_files (run_id, path) WHERE run_id IS NOT NULL;
-- Which of the large files are still needed.
CREATE INDEX task_files_stored ON task_files (sha256) WHERE storage_url IS NOT NULL;

-- The claim alone; see docs/claim.md --------------------------------------------------------------------------------

-- The lanes that got work. Producers append here, by trigger. There is no key, so that two producers never wait for
-- each other.
CREATE TABLE lane_inbox (
    lane uuid NOT NULL,
    tool text NOT NULL, account text, model text,
    tenant_id text NOT NULL, queue text NOT NULL, priority smallint NOT NULL,
    number bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- The limits of tenants, models and queues that became full or got room, appended by trigger in the transaction that
-- did it. Limits of tools are not here: there are few, and the claim asks them.
CREATE TABLE limit_inbox (scope text NOT NULL)
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- A lane is the tasks that are alike in tool, account, model, tenant, queue and priority.
CREATE TABLE lanes (
    lane uuid PRIMARY KEY,
    tenantless_lane uuid NOT NULL,
    tool text NOT NULL, account text, model text,
    tenant_id text NOT NULL, queue text NOT NULL, priority smallint NOT NULL,
    -- A hint at the number of its first task, which is never behind it. Null: the lane is empty.
    head bigint,
    -- No ready task of the lane is older. The index entries of all tasks that were taken or canceled lie before it
    -- until the next VACUUM: 200,000 are 2,000 pages, which a claim would read at each probe.
    oldest timestamptz NOT NULL DEFAULT '-infinity',
    -- A contended lane is not empty, but others hold its first rows in open transactions. It steps aside.
    contended_at timestamptz
) WITH (
    fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX lanes_of_tenant ON lanes (tenant_id, tool, priority, head)
WHERE head IS NOT NULL AND contended_at IS NULL;
CREATE INDEX lanes_of_tenantless_lane ON lanes (tenantless_lane, priority DESC, head)
WHERE head IS NOT NULL AND contended_at IS NULL;
CREATE INDEX lanes_contended ON lanes (contended_at) WHERE contended_at IS NOT NULL;
-- By lane, which no update changes: the entries of a lane that empties and fills all day replace each other.
CREATE INDEX lanes_empty ON lanes (lane) WHERE head IS NULL;

-- What lanes of all tenants and priorities have in common: what blocks a tool, account, model or queue blocks all of
-- these lanes.
CREATE TABLE tenantless_lanes (
    tenantless_lane uuid PRIMARY KEY,
    tool text NOT NULL, account text, model text, queue text NOT NULL,
    -- The full limit of its model or queue, so that thousands of full scopes cost the claim nothing. A full scope
    -- closes only a few. So this is a hint: one that is not closed may be blocked, too, and the claim asks the limit.
    closed_by text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX tenantless_lanes_open ON tenantless_lanes (tool) WHERE closed_by IS NULL;
CREATE INDEX tenantless_lanes_open_of_model ON tenantless_lanes (model) WHERE closed_by IS NULL AND model IS NOT NULL;
CREATE INDEX tenantless_lanes_open_of_queue ON tenantless_lanes (queue) WHERE closed_by IS NULL;
CREATE INDEX tenantless_lanes_closed ON tenantless_lanes (closed_by) WHERE closed_by IS NOT NULL;

-- The order over tenants: whoever was served goes behind all others.
CREATE TABLE tenant_turns (
    tool text NOT NULL, priority smallint NOT NULL, tenant_id text NOT NULL,
    -- The place in the order, and the number of the tenant's last service. The place, by which rows are looked up,
    -- follows the service only where that matters: in the row that a task was taken from, and in others once they are
    -- first. So most updates stay within their page (20 tenants at 9 priorities, 20,000 tasks: 140,000 updates
    -- had put 180 rows on 365 pages).
    turn bigint NOT NULL DEFAULT 0, last_served bigint NOT NULL DEFAULT 0,
    -- Whether it has a lane to look at, and whether the tenant's own limit is full.
    waiting boolean NOT NULL DEFAULT true, closed boolean NOT NULL DEFAULT false,
    -- Since when it has had no lane at all.
    idle_since timestamptz,
    PRIMARY KEY (tenant_id, tool, priority)
) WITH (
    fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX tenant_turns_in_order ON tenant_turns (tool, priority DESC, turn, tenant_id) WHERE waiting AND NOT closed;
CREATE INDEX tenant_turns_idle ON tenant_turns (idle_since) WHERE idle_since IS NOT NULL;
CREATE SEQUENCE turn_numbers;

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

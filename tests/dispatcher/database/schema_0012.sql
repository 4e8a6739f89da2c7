-- A database at schema 12, as the migrations 0001 to 0012 made it and the program of that time filled it: two tasks run,
-- one has ended, one waits for a time, one for its tenant's limit, one for a closed queue, and one is just submitted.
-- pg_dump of PostgreSQL 15 wrote it, without functions and triggers, which `dispatcher migrate` creates again anyway.

CREATE TABLE concurrency_limits (
    scope text NOT NULL COLLATE pg_catalog."C",
    max_concurrent integer NOT NULL,
    current_concurrent integer DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT concurrency_limits_current_concurrent_check CHECK ((current_concurrent >= 0)),
    CONSTRAINT concurrency_limits_max_concurrent_check CHECK ((max_concurrent >= 0)),
    CONSTRAINT concurrency_limits_scope_check CHECK (((scope ~ '^(tool|model|tenant|queue):[^[:cntrl:]]+$'::text) AND (octet_length(scope) <= 210)))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='20');

CREATE TABLE database_identity (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT database_identity_only_row_check CHECK (only_row)
);

CREATE TABLE dispatchers (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    host text NOT NULL,
    boot_id text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    work_dir_id uuid NOT NULL,
    groups text[],
    lease_s real NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    last_heartbeat_at timestamp with time zone DEFAULT now() NOT NULL,
    lease_expires_at timestamp with time zone NOT NULL,
    closed boolean DEFAULT false NOT NULL,
    CONSTRAINT dispatchers_lease_s_check CHECK ((lease_s > (0)::double precision))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='20');

CREATE TABLE error_classes (
    name text NOT NULL,
    run_status text DEFAULT 'failed'::text NOT NULL,
    uses_attempt boolean NOT NULL,
    retried boolean NOT NULL,
    wait_reason text,
    group_action text,
    meaning text NOT NULL,
    CONSTRAINT error_classes_group_action_check CHECK ((group_action = ANY (ARRAY['cool down'::text, 'pause'::text]))),
    CONSTRAINT error_classes_wait_reason_check CHECK ((wait_reason = ANY (ARRAY['retry'::text, 'limit'::text])))
);

CREATE TABLE kinds (
    kind uuid NOT NULL,
    tool text NOT NULL,
    account text,
    model text,
    queue text NOT NULL,
    closed_by text
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500', autovacuum_vacuum_cost_delay='0');

CREATE TABLE lane_inbox (
    lane uuid NOT NULL,
    tool text NOT NULL,
    account text,
    model text,
    tenant_id text NOT NULL,
    queue text NOT NULL,
    priority smallint NOT NULL,
    number bigint NOT NULL,
    created_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500', autovacuum_vacuum_cost_delay='0');

CREATE TABLE lanes (
    lane uuid NOT NULL,
    kind uuid NOT NULL,
    tool text NOT NULL,
    account text,
    model text,
    tenant_id text NOT NULL,
    queue text NOT NULL,
    priority smallint NOT NULL,
    head bigint,
    contended_at timestamp with time zone,
    oldest timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
)
WITH (fillfactor='60', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500', autovacuum_vacuum_cost_delay='0');

CREATE TABLE limit_inbox (
    scope text NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500', autovacuum_vacuum_cost_delay='0');

CREATE TABLE run_output (
    run_id uuid NOT NULL,
    seq bigint NOT NULL,
    stream text NOT NULL,
    starts_at bigint NOT NULL,
    ends_at bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT run_output_check CHECK ((ends_at > starts_at)),
    CONSTRAINT run_output_starts_at_check CHECK ((starts_at >= 0)),
    CONSTRAINT run_output_stream_check CHECK ((stream = ANY (ARRAY['stdout'::text, 'stderr'::text])))
);

ALTER TABLE run_output ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME run_output_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE run_pieces (
    run_id uuid NOT NULL,
    name text NOT NULL,
    starts_at bigint NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT run_pieces_starts_at_check CHECK ((starts_at >= 0))
);

CREATE TABLE schema_definitions (
    only_row boolean DEFAULT true NOT NULL,
    digest text NOT NULL,
    functions text[] NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schema_definitions_only_row_check CHECK (only_row)
);

CREATE TABLE schema_migrations (
    number integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE task_files (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    task_id uuid NOT NULL,
    run_id uuid,
    path text NOT NULL,
    is_input boolean NOT NULL,
    content bytea,
    storage_url text,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    mode integer DEFAULT 420 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT task_files_check CHECK ((is_input = (run_id IS NULL))),
    CONSTRAINT task_files_check1 CHECK (((content IS NULL) <> (storage_url IS NULL)))
);

CREATE TABLE task_runs (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    task_id uuid NOT NULL,
    run_no integer NOT NULL,
    attempt integer NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    group_name text NOT NULL,
    dispatcher_id uuid NOT NULL,
    work_dir_id uuid NOT NULL,
    host text NOT NULL,
    boot_id text NOT NULL,
    pid integer,
    claimed_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    latency_ms integer,
    exit_code integer,
    signal text,
    error_class text,
    error_message text,
    session_id text,
    final_text text,
    stdout_trunc text,
    stderr text,
    output_files jsonb DEFAULT '[]'::jsonb NOT NULL,
    input_tokens bigint,
    cached_input_tokens bigint,
    output_tokens bigint,
    tokens_used bigint GENERATED ALWAYS AS ((input_tokens + output_tokens)) STORED,
    cost_usd numeric,
    last_activity_at timestamp with time zone,
    activity text,
    stdout_bytes bigint DEFAULT 0 NOT NULL,
    stderr_bytes bigint DEFAULT 0 NOT NULL,
    stdout_stored bigint DEFAULT 0 NOT NULL,
    stderr_stored bigint DEFAULT 0 NOT NULL,
    auth_mode text,
    directory text,
    resumed uuid,
    denials jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT task_runs_auth_mode_check CHECK ((auth_mode = ANY (ARRAY['key'::text, 'token'::text, 'login'::text]))),
    CONSTRAINT task_runs_denials_check CHECK ((jsonb_typeof(denials) = 'array'::text)),
    CONSTRAINT task_runs_status_check CHECK ((status = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text, 'timed_out'::text, 'rate_limited'::text, 'interrupted'::text, 'lost'::text])))
)
WITH (fillfactor='80');

CREATE TABLE tasks (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    number bigint NOT NULL,
    tenant_id text DEFAULT 'default'::text NOT NULL,
    queue text DEFAULT 'default'::text NOT NULL,
    tool text NOT NULL,
    account text,
    model text,
    priority smallint DEFAULT 5 NOT NULL,
    name text,
    labels jsonb DEFAULT '{}'::jsonb NOT NULL,
    prompt text NOT NULL,
    input_files jsonb DEFAULT '[]'::jsonb NOT NULL,
    output_files jsonb DEFAULT '[]'::jsonb NOT NULL,
    permission text DEFAULT 'edit'::text NOT NULL,
    workdir text,
    timeout_s integer,
    stall_timeout_s integer,
    idempotency_key text,
    status text DEFAULT 'queued'::text NOT NULL,
    wait_reason text,
    scheduled_at timestamp with time zone,
    next_attempt_at timestamp with time zone,
    ready_at timestamp with time zone GENERATED ALWAYS AS (GREATEST(scheduled_at, next_attempt_at)) STORED,
    attempt integer DEFAULT 0 NOT NULL,
    max_attempts integer DEFAULT 3 NOT NULL,
    backoff_s real DEFAULT 30 NOT NULL,
    run_no integer DEFAULT 0 NOT NULL,
    run_id uuid,
    leased_by uuid,
    group_name text,
    cancel_requested_at timestamp with time zone,
    session_id text,
    result jsonb,
    error_class text,
    error_message text,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    lane uuid GENERATED ALWAYS AS ((md5(((((((((((tool || chr(31)) || COALESCE(account, ''::text)) || chr(31)) || COALESCE(model, ''::text)) || chr(31)) || tenant_id) || chr(31)) || queue) || chr(31)) || priority)))::uuid) STORED NOT NULL,
    retry_on text[],
    fallback_model text,
    asked_session text,
    continues uuid,
    resumes uuid,
    output_pruned_at timestamp with time zone,
    CONSTRAINT tasks_account_check CHECK (((account ~ '^[^[:cntrl:]]+$'::text) AND (octet_length(account) <= 200))),
    CONSTRAINT tasks_backoff_s_check CHECK ((backoff_s >= (0)::double precision)),
    CONSTRAINT tasks_check CHECK (((wait_reason IS NULL) OR (status = 'queued'::text))),
    CONSTRAINT tasks_check1 CHECK (((wait_reason <> ALL (ARRAY['scheduled'::text, 'retry'::text, 'limit'::text])) OR (scheduled_at IS NOT NULL) OR (next_attempt_at IS NOT NULL))),
    CONSTRAINT tasks_check2 CHECK (((status = ANY (ARRAY['leased'::text, 'running'::text])) = (leased_by IS NOT NULL))),
    CONSTRAINT tasks_check3 CHECK (((LEAST(created_at, started_at, finished_at) >= '1970-01-01 00:00:00+00'::timestamp with time zone) AND (GREATEST(created_at, started_at, finished_at) <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND ((finished_at IS NULL) OR (status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'canceled'::text]))))),
    CONSTRAINT tasks_fallback_model_check CHECK (((fallback_model ~ '^[^[:cntrl:]]+$'::text) AND (octet_length(fallback_model) <= 200))),
    CONSTRAINT tasks_idempotency_key_check CHECK (((idempotency_key <> ''::text) AND (octet_length(idempotency_key) <= 1000))),
    CONSTRAINT tasks_input_files_check CHECK (((jsonb_typeof(input_files) = 'array'::text) AND (jsonb_array_length(input_files) <= 1000))),
    CONSTRAINT tasks_labels_check CHECK ((jsonb_typeof(labels) = 'object'::text)),
    CONSTRAINT tasks_max_attempts_check CHECK ((max_attempts >= 1)),
    CONSTRAINT tasks_model_check CHECK (((model ~ '^[^[:cntrl:]]+$'::text) AND (octet_length(model) <= 200))),
    CONSTRAINT tasks_next_attempt_at_check CHECK (isfinite(next_attempt_at)),
    CONSTRAINT tasks_output_files_check CHECK (((jsonb_typeof(output_files) = 'array'::text) AND (jsonb_array_length(output_files) <= 1000) AND (NOT jsonb_path_exists(output_files, 'strict $[*]?(@.type() != "string")'::jsonpath)))),
    CONSTRAINT tasks_permission_check CHECK ((permission = ANY (ARRAY['read'::text, 'edit'::text, 'full'::text]))),
    CONSTRAINT tasks_priority_check CHECK (((priority >= 1) AND (priority <= 9))),
    CONSTRAINT tasks_prompt_check CHECK (((prompt <> ''::text) AND (octet_length(prompt) <= 33554432))),
    CONSTRAINT tasks_queue_check CHECK (((queue ~ '^[^[:cntrl:]]+$'::text) AND (octet_length(queue) <= 200))),
    CONSTRAINT tasks_scheduled_at_check CHECK (isfinite(scheduled_at)),
    CONSTRAINT tasks_stall_timeout_s_check CHECK ((stall_timeout_s > 0)),
    CONSTRAINT tasks_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'leased'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text]))),
    CONSTRAINT tasks_tenant_id_check CHECK (((tenant_id ~ '^[^[:cntrl:]]+$'::text) AND (octet_length(tenant_id) <= 200))),
    CONSTRAINT tasks_timeout_s_check CHECK ((timeout_s > 0)),
    CONSTRAINT tasks_wait_reason_check CHECK ((wait_reason = ANY (ARRAY['scheduled'::text, 'retry'::text, 'limit'::text, 'dependency'::text, 'held'::text])))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0');

ALTER TABLE tasks ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tasks_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant_roles (
    role_name name NOT NULL,
    tenant_id text NOT NULL,
    CONSTRAINT tenant_roles_tenant_id_check CHECK (((tenant_id ~ '^[^[:cntrl:]]+$'::text) AND (octet_length(tenant_id) <= 200)))
);

CREATE TABLE tools (
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tools_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'::text))
);

CREATE SEQUENCE turn_numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE turns (
    tool text NOT NULL,
    priority smallint NOT NULL,
    tenant_id text NOT NULL,
    turn bigint DEFAULT 0 NOT NULL,
    waiting boolean DEFAULT true NOT NULL,
    closed boolean DEFAULT false NOT NULL,
    served bigint DEFAULT 0 NOT NULL,
    idle_since timestamp with time zone
)
WITH (fillfactor='60', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500', autovacuum_vacuum_cost_delay='0');

CREATE TABLE worker_groups (
    group_name text NOT NULL COLLATE pg_catalog."C",
    tool text NOT NULL,
    account_name text NOT NULL,
    max_concurrent integer NOT NULL,
    current_concurrent integer DEFAULT 0 NOT NULL,
    env_vars jsonb DEFAULT '{}'::jsonb NOT NULL,
    config_home text,
    hosts text[],
    paused boolean DEFAULT false NOT NULL,
    pause_reason text,
    cooldown_until timestamp with time zone,
    cooldown_reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    failover boolean DEFAULT true NOT NULL,
    unproven boolean DEFAULT false NOT NULL,
    daily_budget_usd numeric,
    task_budget_usd numeric,
    spent_on date,
    spent_usd numeric DEFAULT 0 NOT NULL,
    CONSTRAINT worker_groups_account_name_check CHECK (((account_name ~ '^[^[:cntrl:]]+$'::text) AND (octet_length(account_name) <= 200))),
    CONSTRAINT worker_groups_cooldown_until_check CHECK (isfinite(cooldown_until)),
    CONSTRAINT worker_groups_current_concurrent_check CHECK ((current_concurrent >= 0)),
    CONSTRAINT worker_groups_daily_budget_usd_check CHECK ((daily_budget_usd > (0)::numeric)),
    CONSTRAINT worker_groups_env_vars_check CHECK (((jsonb_typeof(env_vars) = 'object'::text) AND (NOT jsonb_path_exists(env_vars, 'strict $.*?(@.type() != "string")'::jsonpath)))),
    CONSTRAINT worker_groups_group_name_check CHECK ((group_name ~ '^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$'::text)),
    CONSTRAINT worker_groups_max_concurrent_check CHECK ((max_concurrent >= 0)),
    CONSTRAINT worker_groups_task_budget_usd_check CHECK ((task_budget_usd > (0)::numeric))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='20');

ALTER TABLE ONLY concurrency_limits
    ADD CONSTRAINT concurrency_limits_pkey PRIMARY KEY (scope);

ALTER TABLE ONLY database_identity
    ADD CONSTRAINT database_identity_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY dispatchers
    ADD CONSTRAINT dispatchers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY error_classes
    ADD CONSTRAINT error_classes_pkey PRIMARY KEY (name);

ALTER TABLE ONLY kinds
    ADD CONSTRAINT kinds_pkey PRIMARY KEY (kind);

ALTER TABLE ONLY lanes
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (lane);

ALTER TABLE ONLY run_output
    ADD CONSTRAINT run_output_pkey PRIMARY KEY (run_id, seq);

ALTER TABLE ONLY run_pieces
    ADD CONSTRAINT run_pieces_pkey PRIMARY KEY (run_id, name, starts_at);

ALTER TABLE ONLY schema_definitions
    ADD CONSTRAINT schema_definitions_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (number);

ALTER TABLE ONLY task_files
    ADD CONSTRAINT task_files_pkey PRIMARY KEY (id);

ALTER TABLE ONLY task_runs
    ADD CONSTRAINT task_runs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY task_runs
    ADD CONSTRAINT task_runs_task_id_run_no_key UNIQUE (task_id, run_no);

ALTER TABLE ONLY tasks
    ADD CONSTRAINT tasks_number_key UNIQUE (number);

ALTER TABLE ONLY tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant_roles
    ADD CONSTRAINT tenant_roles_pkey PRIMARY KEY (role_name, tenant_id);

ALTER TABLE ONLY tools
    ADD CONSTRAINT tools_pkey PRIMARY KEY (name);

ALTER TABLE ONLY turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (tenant_id, tool, priority);

ALTER TABLE ONLY worker_groups
    ADD CONSTRAINT worker_groups_pkey PRIMARY KEY (group_name);

ALTER TABLE ONLY worker_groups
    ADD CONSTRAINT worker_groups_tool_account_name_key UNIQUE (tool, account_name);

CREATE INDEX concurrency_limits_coarse ON concurrency_limits USING btree (scope) WHERE (scope !~~ 'tenant:%'::text);

CREATE INDEX kinds_closed ON kinds USING btree (closed_by) WHERE (closed_by IS NOT NULL);

CREATE INDEX kinds_open ON kinds USING btree (tool) WHERE (closed_by IS NULL);

CREATE INDEX kinds_open_of_model ON kinds USING btree (model) WHERE ((closed_by IS NULL) AND (model IS NOT NULL));

CREATE INDEX kinds_open_of_queue ON kinds USING btree (queue) WHERE (closed_by IS NULL);

CREATE INDEX lanes_contended ON lanes USING btree (contended_at) WHERE (contended_at IS NOT NULL);

CREATE INDEX lanes_empty ON lanes USING btree (lane) WHERE (head IS NULL);

CREATE INDEX lanes_of_kind ON lanes USING btree (kind, priority DESC, head) WHERE ((head IS NOT NULL) AND (contended_at IS NULL));

CREATE INDEX lanes_of_tenant ON lanes USING btree (tenant_id, tool, priority, head) WHERE ((head IS NOT NULL) AND (contended_at IS NULL));

CREATE UNIQUE INDEX task_files_input ON task_files USING btree (task_id, path) WHERE is_input;

CREATE UNIQUE INDEX task_files_of_run ON task_files USING btree (run_id, path) WHERE (run_id IS NOT NULL);

CREATE INDEX task_files_stored ON task_files USING btree (sha256) WHERE (storage_url IS NOT NULL);

CREATE INDEX task_files_task ON task_files USING btree (task_id);

CREATE INDEX tasks_active ON tasks USING btree (leased_by) WHERE (status = ANY (ARRAY['leased'::text, 'running'::text]));

CREATE INDEX tasks_continues ON tasks USING btree (continues) WHERE (continues IS NOT NULL);

CREATE INDEX tasks_due ON tasks USING btree (ready_at) WHERE ((status = 'queued'::text) AND (wait_reason = ANY (ARRAY['scheduled'::text, 'retry'::text, 'limit'::text])));

CREATE INDEX tasks_ended ON tasks USING btree (finished_at) WHERE (finished_at IS NOT NULL);

CREATE UNIQUE INDEX tasks_idempotency ON tasks USING btree (tenant_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);

CREATE INDEX tasks_ready ON tasks USING btree (lane, created_at, number) WHERE ((status = 'queued'::text) AND (wait_reason IS NULL));

CREATE INDEX tasks_with_output ON tasks USING btree (finished_at) WHERE (finished_at > COALESCE(output_pruned_at, '-infinity'::timestamp with time zone));

CREATE INDEX turns_idle ON turns USING btree (idle_since) WHERE (idle_since IS NOT NULL);

CREATE INDEX turns_in_order ON turns USING btree (tool, priority DESC, turn, tenant_id) WHERE (waiting AND (NOT closed));

ALTER TABLE ONLY run_output
    ADD CONSTRAINT run_output_run_id_fkey FOREIGN KEY (run_id) REFERENCES task_runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY run_pieces
    ADD CONSTRAINT run_pieces_run_id_fkey FOREIGN KEY (run_id) REFERENCES task_runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY task_files
    ADD CONSTRAINT task_files_run_id_fkey FOREIGN KEY (run_id) REFERENCES task_runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY task_files
    ADD CONSTRAINT task_files_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY task_runs
    ADD CONSTRAINT task_runs_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY tasks
    ADD CONSTRAINT tasks_tool_fkey FOREIGN KEY (tool) REFERENCES tools(name);

ALTER TABLE ONLY worker_groups
    ADD CONSTRAINT worker_groups_tool_fkey FOREIGN KEY (tool) REFERENCES tools(name);

INSERT INTO concurrency_limits (scope, max_concurrent, current_concurrent, updated_at) VALUES
	('tool:gemini', 5, 0, '2026-11-25 16:33:52.915229+00'),
	('queue:night', 0, 0, '2026-11-25 16:33:53.099206+00'),
	('model:opus', 4, 1, '2026-11-25 16:33:53.099206+00'),
	('tenant:acme', 1, 1, '2026-11-25 16:33:53.099206+00'),
	('tool:claude', 3, 2, '2026-11-25 16:33:52.915229+00'),
	('tool:codex', 5, 0, '2026-11-25 16:33:52.915229+00');

INSERT INTO database_identity (id, only_row) VALUES
	('6797e358-d03b-4aad-beec-1a6027ae2eab', true);

INSERT INTO dispatchers (id, host, boot_id, pid, version, work_dir_id, groups, lease_s, started_at, last_heartbeat_at, lease_expires_at, closed) VALUES
	('0b15cc47-30cc-4b62-af58-aa6f52b82c12', 'h', 'b', 1, '0.1.0', '22cb344a-941f-4419-8277-96c73261d06f', NULL, 60, '2026-11-25 16:33:53.110596+00', '2026-11-25 16:33:53.110874+00', '2026-11-25 16:34:53.110874+00', false),
	('ce42ea51-74e9-426e-97e8-18afd66a7969', 'gone', 'b', 1, '0.1.0', '5bd0c542-2403-491d-bd26-0eb421bd3191', NULL, 60, '2026-11-25 16:33:53.191921+00', '2026-11-25 16:33:53.192105+00', '2026-11-25 16:33:53.192211+00', true);

INSERT INTO error_classes (name, run_status, uses_attempt, retried, wait_reason, group_action, meaning) VALUES
	('limit', 'rate_limited', false, true, 'limit', 'cool down', 'the account''s usage limit is reached'),
	('throttled', 'rate_limited', false, true, 'retry', NULL, 'the service asked to slow down'),
	('overloaded', 'failed', true, true, 'retry', NULL, 'the service is overloaded'),
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
	('output_too_large', 'failed', true, false, NULL, NULL, 'the run wrote more than is allowed'),
	('auth', 'failed', false, true, NULL, 'pause', 'the account is not logged in or was refused'),
	('no_credit', 'failed', false, true, NULL, 'pause', 'the account has no money left'),
	('budget', 'failed', true, false, NULL, NULL, 'the money or turn limit that the run was given is reached');

INSERT INTO kinds (kind, tool, account, model, queue, closed_by) VALUES
	('0654ad60-f434-8b8f-27ce-4c95a928f6ee', 'claude', NULL, 'opus', 'default', NULL),
	('3df37cda-3c2b-a78a-015a-87172a54991f', 'claude', NULL, NULL, 'default', NULL),
	('b27696ef-a223-89ef-9d73-5ee75ef3140c', 'codex', NULL, NULL, 'default', NULL),
	('35e076d1-ee0a-67b9-f7c6-f88d6ae81d44', 'codex', NULL, NULL, 'night', 'queue:night');

INSERT INTO lane_inbox (lane, tool, account, model, tenant_id, queue, priority, number, created_at) VALUES
	('a4163736-98ba-5198-fe20-6ee2aa28d2a3', 'claude', NULL, NULL, 'new', 'default', 5, 7, '2026-11-25 16:33:53.191058+00');

INSERT INTO lanes (lane, kind, tool, account, model, tenant_id, queue, priority, head, contended_at, oldest) VALUES
	('4f1707ed-0fe8-c252-e19e-68eb0c64bf15', '3df37cda-3c2b-a78a-015a-87172a54991f', 'claude', NULL, NULL, 'acme', 'default', 5, 2, NULL, '2026-11-25 16:33:53.100922+00'),
	('6cf494e2-0f51-3d50-8403-7b4fe5e19d2d', '35e076d1-ee0a-67b9-f7c6-f88d6ae81d44', 'codex', NULL, NULL, 'default', 'night', 5, 4, NULL, '2026-11-25 16:33:53.100922+00'),
	('4509bcb6-03f8-e94a-b0d9-799e8dd92106', '3df37cda-3c2b-a78a-015a-87172a54991f', 'claude', NULL, NULL, 'default', 'default', 9, NULL, NULL, '2026-11-25 16:33:53.100922+00'),
	('9940b6a8-fb46-fa22-f6ef-173b33cc0a39', '0654ad60-f434-8b8f-27ce-4c95a928f6ee', 'claude', NULL, 'opus', 'acme', 'default', 5, NULL, NULL, '2026-11-25 16:33:53.100922+00'),
	('55cf61b6-1898-efd0-b97f-6c77a47509a8', 'b27696ef-a223-89ef-9d73-5ee75ef3140c', 'codex', NULL, NULL, 'default', 'default', 5, NULL, NULL, '2026-11-25 16:33:53.100922+00');

INSERT INTO tools (name, created_at) VALUES
	('claude', '2026-11-25 16:33:52.915229+00'),
	('codex', '2026-11-25 16:33:52.915229+00'),
	('gemini', '2026-11-25 16:33:52.915229+00');

INSERT INTO tasks (id, number, tenant_id, queue, tool, account, model, priority, name, labels, prompt, input_files, output_files, permission, workdir, timeout_s, stall_timeout_s, idempotency_key, status, wait_reason, scheduled_at, next_attempt_at, attempt, max_attempts, backoff_s, run_no, run_id, leased_by, group_name, cancel_requested_at, session_id, result, error_class, error_message, started_at, finished_at, created_at, updated_at, retry_on, fallback_model, asked_session, continues, resumes, output_pruned_at) OVERRIDING SYSTEM VALUE VALUES
	('07d70a73-d909-4c69-9251-f0f4b25e2174', 2, 'acme', 'default', 'claude', NULL, NULL, 5, NULL, '{}', 'Write the tests', '[]', '[]', 'edit', NULL, NULL, NULL, NULL, 'queued', NULL, NULL, NULL, 0, 3, 30, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 16:33:53.100922+00', '2026-11-25 16:33:53.100922+00', NULL, NULL, NULL, NULL, NULL, NULL),
	('9585c0e1-e1a4-4733-807e-6dfc4b52b719', 4, 'default', 'night', 'codex', NULL, NULL, 5, NULL, '{}', 'Tidy up', '[]', '[]', 'edit', NULL, NULL, NULL, NULL, 'queued', NULL, NULL, NULL, 0, 3, 30, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 16:33:53.100922+00', '2026-11-25 16:33:53.100922+00', NULL, NULL, NULL, NULL, NULL, NULL),
	('d3da3d11-88f6-47e0-97b9-57c74e9dce09', 6, 'default', 'default', 'claude', NULL, NULL, 5, NULL, '{}', 'Tomorrow', '[]', '[]', 'edit', NULL, NULL, NULL, NULL, 'queued', 'scheduled', '2126-11-26 16:33:53.108769+00', NULL, 0, 3, 30, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 16:33:53.100922+00', '2026-11-25 16:33:53.100922+00', NULL, NULL, NULL, NULL, NULL, NULL),
	('589d72a3-5225-4642-baf6-e497d8b68486', 3, 'default', 'default', 'claude', NULL, NULL, 9, NULL, '{}', 'Fix the build', '[]', '[]', 'edit', NULL, NULL, NULL, NULL, 'running', NULL, NULL, NULL, 0, 3, 30, 1, 'a70c1297-d803-4564-887e-12cfded61649', '0b15cc47-30cc-4b62-af58-aa6f52b82c12', 'main', NULL, NULL, NULL, NULL, NULL, '2026-11-25 16:33:53.132814+00', NULL, '2026-11-25 16:33:53.100922+00', '2026-11-25 16:33:53.132814+00', NULL, NULL, NULL, NULL, NULL, NULL),
	('14e4219a-6216-4b7a-888e-a07df129d4ea', 1, 'acme', 'default', 'claude', NULL, 'opus', 5, NULL, '{"team": "core"}', 'Review the change', '["in.txt"]', '["review.md"]', 'edit', NULL, NULL, NULL, NULL, 'running', NULL, NULL, NULL, 0, 3, 30, 1, 'ba89516b-f70f-46aa-91d0-e68df4db2dd7', '0b15cc47-30cc-4b62-af58-aa6f52b82c12', 'main', NULL, NULL, NULL, NULL, NULL, '2026-11-25 16:33:53.132814+00', NULL, '2026-11-25 16:33:53.100922+00', '2026-11-25 16:33:53.132814+00', NULL, NULL, NULL, NULL, NULL, NULL),
	('6448f084-69e2-4846-af34-81a926b290d8', 5, 'default', 'default', 'codex', NULL, NULL, 5, NULL, '{}', 'Done before', '[]', '[]', 'edit', NULL, NULL, NULL, 'k', 'succeeded', NULL, NULL, NULL, 0, 3, 30, 1, '9b6b347a-2454-469a-b9f4-7bf53ce09331', NULL, 'cx', NULL, 's', '{"text": "done", "cost_usd": 0.5, "session_id": "s"}', NULL, NULL, '2026-11-25 16:33:53.132814+00', '2026-11-25 16:33:53.148939+00', '2026-11-25 16:33:53.100922+00', '2026-11-25 16:33:53.148939+00', NULL, NULL, NULL, NULL, NULL, NULL),
	('508c10df-bba7-4855-b6d1-d81561cc0ec7', 7, 'new', 'default', 'claude', NULL, NULL, 5, NULL, '{}', 'Just filed', '[]', '[]', 'edit', NULL, NULL, NULL, NULL, 'queued', NULL, NULL, NULL, 0, 3, 30, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 16:33:53.191058+00', '2026-11-25 16:33:53.191058+00', NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO task_runs (id, task_id, run_no, attempt, status, group_name, dispatcher_id, work_dir_id, host, boot_id, pid, claimed_at, started_at, finished_at, latency_ms, exit_code, signal, error_class, error_message, session_id, final_text, stdout_trunc, stderr, output_files, input_tokens, cached_input_tokens, output_tokens, cost_usd, last_activity_at, activity, stdout_bytes, stderr_bytes, stdout_stored, stderr_stored, auth_mode, directory, resumed, denials) VALUES
	('a70c1297-d803-4564-887e-12cfded61649', '589d72a3-5225-4642-baf6-e497d8b68486', 1, 1, 'running', 'main', '0b15cc47-30cc-4b62-af58-aa6f52b82c12', '22cb344a-941f-4419-8277-96c73261d06f', 'h', 'b', 42, '2026-11-25 16:33:53.111857+00', '2026-11-25 16:33:53.132814+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', NULL, NULL, NULL, NULL, '2026-11-25 16:33:53.141122+00', 'reading', 4, 0, 4, 0, NULL, '3-1', NULL, '[]'),
	('ba89516b-f70f-46aa-91d0-e68df4db2dd7', '14e4219a-6216-4b7a-888e-a07df129d4ea', 1, 1, 'running', 'main', '0b15cc47-30cc-4b62-af58-aa6f52b82c12', '22cb344a-941f-4419-8277-96c73261d06f', 'h', 'b', 42, '2026-11-25 16:33:53.111857+00', '2026-11-25 16:33:53.132814+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', NULL, NULL, NULL, NULL, '2026-11-25 16:33:53.144682+00', 'storing review.md: 0.0 of 0.0 MB', 4, 0, 4, 0, NULL, '1-1', NULL, '[]'),
	('9b6b347a-2454-469a-b9f4-7bf53ce09331', '6448f084-69e2-4846-af34-81a926b290d8', 1, 1, 'succeeded', 'cx', '0b15cc47-30cc-4b62-af58-aa6f52b82c12', '22cb344a-941f-4419-8277-96c73261d06f', 'h', 'b', 42, '2026-11-25 16:33:53.111857+00', '2026-11-25 16:33:53.132814+00', '2026-11-25 16:33:53.148939+00', 3000, NULL, NULL, NULL, NULL, 's', 'done', NULL, NULL, '[]', NULL, NULL, NULL, 0.5, '2026-11-25 16:33:53.14117+00', 'reading', 4, 0, 4, 0, NULL, '5-1', NULL, '[]');

INSERT INTO run_output (run_id, seq, stream, starts_at, ends_at, at, content) OVERRIDING SYSTEM VALUE VALUES
	('9b6b347a-2454-469a-b9f4-7bf53ce09331', 1, 'stdout', 0, 4, '2026-11-25 16:33:53.138541+00', '\x78787878'),
	('a70c1297-d803-4564-887e-12cfded61649', 2, 'stdout', 0, 4, '2026-11-25 16:33:53.140754+00', '\x78787878'),
	('ba89516b-f70f-46aa-91d0-e68df4db2dd7', 3, 'stdout', 0, 4, '2026-11-25 16:33:53.140765+00', '\x78787878');

INSERT INTO run_pieces (run_id, name, starts_at, content) VALUES
	('ba89516b-f70f-46aa-91d0-e68df4db2dd7', 'review.md', 0, '\x68616c66');

INSERT INTO schema_definitions (only_row, digest, functions, applied_at) VALUES
	(true, '', '{}', '2026-11-25 16:33:53.005606+00');

INSERT INTO schema_migrations (number, name, applied_at) VALUES
	(1, '0001_initial.sql', '2026-11-25 16:33:52.915229+00'),
	(2, '0002_run_output.sql', '2026-11-25 16:33:52.971229+00'),
	(3, '0003_accounts.sql', '2026-11-25 16:33:52.973456+00'),
	(4, '0004_roles.sql', '2026-11-25 16:33:52.977696+00'),
	(5, '0005_denials.sql', '2026-11-25 16:33:52.983109+00'),
	(6, '0006_retention.sql', '2026-11-25 16:33:52.983679+00'),
	(7, '0007_closed_kinds.sql', '2026-11-25 16:33:52.990948+00'),
	(8, '0008_oldest_of_lane.sql', '2026-11-25 16:33:52.995029+00'),
	(9, '0009_no_credit.sql', '2026-11-25 16:33:52.996392+00'),
	(10, '0010_rows_by_hand.sql', '2026-11-25 16:33:52.997195+00'),
	(11, '0011_pieces.sql', '2026-11-25 16:33:53.00067+00'),
	(12, '0012_idle_lanes.sql', '2026-11-25 16:33:53.002358+00');

INSERT INTO task_files (id, task_id, run_id, path, is_input, content, storage_url, size_bytes, sha256, mode, created_at) VALUES
	('2110322c-8a84-4a4d-a764-4a0fc5298231', '14e4219a-6216-4b7a-888e-a07df129d4ea', NULL, 'in.txt', true, '\x68656c6c6f', NULL, 5, '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824', 420, '2026-11-25 16:33:53.100922+00');

INSERT INTO tenant_roles (role_name, tenant_id) VALUES
	('llmctl_shop_fixture', 'acme');

INSERT INTO turns (tool, priority, tenant_id, turn, waiting, closed, served, idle_since) VALUES
	('claude', 9, 'default', 0, false, false, 2, NULL),
	('codex', 5, 'default', 2, true, false, 2, NULL),
	('claude', 5, 'acme', 1, true, true, 1, NULL);

INSERT INTO worker_groups (group_name, tool, account_name, max_concurrent, current_concurrent, env_vars, config_home, hosts, paused, pause_reason, cooldown_until, cooldown_reason, created_at, updated_at, failover, unproven, daily_budget_usd, task_budget_usd, spent_on, spent_usd) VALUES
	('other', 'claude', 'other', 1, 0, '{}', NULL, NULL, false, NULL, '2026-11-25 17:33:53.09836+00', 'the usage limit is reached', '2026-11-25 16:33:53.096971+00', '2026-11-25 16:33:53.098738+00', true, true, NULL, NULL, NULL, 0),
	('main', 'claude', 'main', 2, 2, '{}', NULL, NULL, false, NULL, NULL, NULL, '2026-11-25 16:33:53.087491+00', '2026-11-25 16:33:53.087491+00', true, false, NULL, NULL, NULL, 0),
	('cx', 'codex', 'cx', 1, 0, '{}', NULL, NULL, false, NULL, NULL, NULL, '2026-11-25 16:33:53.097688+00', '2026-11-25 16:33:53.097688+00', true, false, NULL, NULL, '2026-11-25', 0.5);

SELECT pg_catalog.setval('run_output_seq_seq', 3, true);

SELECT pg_catalog.setval('tasks_number_seq', 7, true);

SELECT pg_catalog.setval('turn_numbers', 2, true);

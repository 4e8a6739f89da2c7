-- Counts that are kept instead of counted, so that reading them costs the same with a million tasks.

-- How many tasks there are of each kind. `state` is the status, or what a queued task waits for. `account` is the one
-- that a queued task pins, and '' for all others. Rows with the tenant '' count all tenants together: most readers need
-- no more, and there are as many kinds as tenants times queues. A row may be below zero for a while: only the sum with
-- the inbox counts, see current_tallies().
CREATE TABLE task_tallies (
    tenant_id text NOT NULL, tool text NOT NULL, account text NOT NULL, queue text NOT NULL, state text NOT NULL,
    tasks bigint NOT NULL,
    PRIMARY KEY (tenant_id, tool, queue, account, state)
) WITH (
    fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
-- What changed since the last fold_tallies(), appended by trigger. There is no key, so that nobody waits for anybody.
-- The state 'submitted' stands for tasks that came, whatever became of them.
CREATE TABLE task_tally_inbox (
    tenant_id text NOT NULL, tool text NOT NULL, account text NOT NULL, queue text NOT NULL, state text NOT NULL,
    tasks bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- All tasks that ever came, also those that are deleted, again with rows for all tenants together. The first queues have rows of their own. What came in any
-- later one is in the queue '', so that neither this table nor its readers grow with the queues that there ever were.
CREATE TABLE submission_tallies (
    tenant_id text NOT NULL, tool text NOT NULL, queue text NOT NULL, tasks bigint NOT NULL,
    PRIMARY KEY (tenant_id, tool, queue)
) WITH (
    fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);

-- All runs that ever ended, also those that are deleted: how they ended, and what they used. error_class is '' where
-- there is none. paid_usd is what an API key paid, or nobody knows who; notional_usd is what subscriptions covered.
CREATE TABLE run_tallies (
    tool text NOT NULL, group_name text NOT NULL, status text NOT NULL, error_class text NOT NULL,
    runs bigint NOT NULL,
    input_tokens numeric NOT NULL, cached_input_tokens numeric NOT NULL, output_tokens numeric NOT NULL,
    paid_usd numeric NOT NULL, notional_usd numeric NOT NULL,
    PRIMARY KEY (tool, group_name, status, error_class)
) WITH (
    fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
-- How long they took: the runs that took at most `at_most` seconds, and longer than the bound below; see time_bounds().
CREATE TABLE run_time_tallies (
    tool text NOT NULL,
    measure text NOT NULL CHECK (measure IN ('queue wait', 'start latency', 'duration')),
    at_most double precision NOT NULL,
    runs bigint NOT NULL, seconds double precision NOT NULL,
    PRIMARY KEY (tool, measure, at_most)
) WITH (
    fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
-- A row for each run that ended since the last fold_tallies(), appended by trigger. Lengths of time are in seconds.
CREATE TABLE run_tally_inbox (
    tool text NOT NULL, group_name text NOT NULL, status text NOT NULL, error_class text NOT NULL,
    queue_wait_s double precision, start_latency_s double precision, duration_s double precision,
    input_tokens bigint, cached_input_tokens bigint, output_tokens bigint, paid_usd numeric, notional_usd numeric
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- Since when the task of a run had been ready when it was claimed. Null for runs from before this column.
ALTER TABLE task_runs ADD COLUMN ready_at timestamptz;

-- The oldest ready task of each queue. updated_at is when it became ready, since nothing changes a ready task but what
-- ends that. A claim and an end write no entry here. "number > 0" holds for all tasks, and only the question that this
-- index is for says it: without statistics the planner would take the index for the claim's probes as well (measured:
-- 5,300 blocks instead of 17).
CREATE INDEX tasks_ready_in_queue ON tasks (queue, updated_at)
WHERE status = 'queued' AND wait_reason IS NULL AND number > 0;

-- From here to the end of this transaction nobody writes. From then on these triggers note each change, until the
-- functions of sql/functions/tallies/ take their place: `dispatcher migrate` creates them in a transaction of its own,
-- and what happens between the two counts as well.
LOCK TABLE tasks, task_runs IN SHARE ROW EXCLUSIVE MODE;

INSERT INTO task_tallies (tenant_id, tool, account, queue, state, tasks)
SELECT coalesce(tenant_id, ''), tool, account, queue, state, sum(tasks)
FROM (
    SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END AS account, queue,
        coalesce(wait_reason, status) AS state, count(*) AS tasks
    FROM tasks GROUP BY 1, 2, 3, 4, 5
) AS kinds
GROUP BY GROUPING SETS ((tenant_id, tool, account, queue, state), (tool, account, queue, state));

-- fold_tallies() moves them to submission_tallies.
INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
SELECT tenant_id, tool, '', queue, 'submitted', count(*) FROM tasks GROUP BY tenant_id, tool, queue;

INSERT INTO run_tally_inbox (
    tool, group_name, status, error_class, start_latency_s, duration_s, input_tokens, cached_input_tokens,
    output_tokens, paid_usd, notional_usd
)
SELECT tasks.tool, r.group_name, r.status, coalesce(r.error_class, ''),
    extract(EPOCH FROM r.started_at - r.claimed_at), r.latency_ms / 1000.0,
    r.input_tokens, r.cached_input_tokens, r.output_tokens,
    CASE WHEN r.auth_mode IS NULL OR r.auth_mode = 'key' THEN r.cost_usd END,
    CASE WHEN r.auth_mode IN ('token', 'login') THEN r.cost_usd END
FROM task_runs AS r JOIN tasks ON tasks.id = r.task_id WHERE r.status <> 'running';

CREATE OR REPLACE FUNCTION tally_tasks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        WITH alike AS (
            SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END AS account,
                queue, coalesce(wait_reason, status) AS state, count(*) AS tasks
            FROM new_rows GROUP BY 1, 2, 3, 4, 5
        )
        INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
        SELECT * FROM alike
        UNION ALL
        SELECT tenant_id, tool, '', queue, 'submitted', sum(tasks) FROM alike GROUP BY tenant_id, tool, queue;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
        SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END,
            queue, coalesce(wait_reason, status), sum(side)
        FROM (SELECT 1 AS side, new_rows.* FROM new_rows UNION ALL SELECT -1, old_rows.* FROM old_rows) AS sides
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(side) <> 0;
    ELSE
        INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
        SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END,
            queue, coalesce(wait_reason, status), -count(*)
        FROM old_rows GROUP BY 1, 2, 3, 4, 5;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION tally_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO run_tally_inbox (
        tool, group_name, status, error_class, queue_wait_s, start_latency_s, duration_s, input_tokens,
        cached_input_tokens, output_tokens, paid_usd, notional_usd
    )
    SELECT tool, new.group_name, new.status, coalesce(new.error_class, ''),
        extract(EPOCH FROM new.claimed_at - new.ready_at), extract(EPOCH FROM new.started_at - new.claimed_at),
        new.latency_ms / 1000.0, new.input_tokens, new.cached_input_tokens, new.output_tokens,
        CASE WHEN new.auth_mode IS NULL OR new.auth_mode = 'key' THEN new.cost_usd END,
        CASE WHEN new.auth_mode IN ('token', 'login') THEN new.cost_usd END
    FROM tasks WHERE id = new.task_id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tasks_inserted_tallied AFTER INSERT ON tasks
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION tally_tasks();

CREATE OR REPLACE TRIGGER tasks_updated_tallied AFTER UPDATE ON tasks
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION tally_tasks();

CREATE OR REPLACE TRIGGER tasks_deleted_tallied AFTER DELETE ON tasks
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION tally_tasks();

CREATE OR REPLACE TRIGGER task_runs_ended AFTER UPDATE ON task_runs
FOR EACH ROW WHEN (old.status = 'running' AND new.status <> 'running')
EXECUTE FUNCTION tally_run();

-- Lists of tasks by keyset: each way to filter them has an index in which a page is one short range.

-- An update of a task writes an entry into each index that fits it. So these leave out the tasks that a dispatcher has
-- in its hands, of which there are few: a task enters them when it is submitted and when it ends, and its claim and its
-- start write none. A list finds active tasks by tasks_active.
CREATE INDEX tasks_by_state ON tasks (coalesce(wait_reason, status), number)
WHERE status NOT IN ('leased', 'running');
CREATE INDEX tasks_by_tool ON tasks (tool, number) WHERE status NOT IN ('leased', 'running');
CREATE INDEX tasks_by_tenant ON tasks (tenant_id, number) WHERE status NOT IN ('leased', 'running');
CREATE INDEX tasks_by_queue ON tasks (queue, number) WHERE status NOT IN ('leased', 'running');
CREATE INDEX tasks_by_group ON tasks (group_name, number)
WHERE group_name IS NOT NULL AND status NOT IN ('leased', 'running');

-- The replies that wait or run: their sessions are busy, see busy_sessions().
CREATE INDEX tasks_continuing ON tasks (continues)
WHERE continues IS NOT NULL AND status IN ('queued', 'leased', 'running');

-- The labels of tasks, each as a hash of its key and value, see label_hash(). Only a submit writes them, whereas an
-- index on tasks.labels would be written at each change of a task, and could not return the newest ones first.
CREATE TABLE task_labels (
    label uuid NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (label, number)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
INSERT INTO task_labels (label, number)
SELECT DISTINCT md5(key || chr(31) || coalesce(value, ''))::uuid, number FROM tasks CROSS JOIN jsonb_each_text(labels);

-- Which tasks a list or an action is about, as read_selection() reads it. All that is given must fit; null fits all.
CREATE TYPE task_selection AS (
    numbers bigint [], states text [], tool text, tenants text [], queue text, group_name text,
    -- A part of the name, in small letters.
    name text,
    labels jsonb, label_hashes uuid [],
    since timestamptz, until timestamptz,
    -- Between these numbers lie all tasks that were created between these times.
    first_number bigint, end_number bigint,
    -- The tools, with or without an account, whose queued tasks wait for a budget.
    short_of_budget text []
);

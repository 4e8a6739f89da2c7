-- Tasks that come after others, what they are given by them, tasks that tasks spawn, and workflows.

ALTER TABLE tasks
-- The workflow that it belongs to: a name that its tenant gives to several tasks.
ADD COLUMN workflow text,
-- What becomes of it when a need cannot be met. Null: hold, or skip if it only comes after failures.
ADD COLUMN on_unmet text,
-- Whether its prompt has places that are filled with what the tasks before it made. Null: no.
ADD COLUMN is_filled boolean,
-- The files that it is given by the tasks before it: [{"task": 12, "of_tree": false, "path": "report.md", "name": "report.md"}].
ADD COLUMN input_from jsonb,
-- The task whose run spawned it, and the task at the root of all that.
ADD COLUMN parent uuid,
ADD COLUMN tree uuid,
-- The file in which its agent writes the tasks to spawn.
ADD COLUMN spawns text,
-- Again one short CHECK, see 0020_changes.sql.
ADD CHECK (
    workflow ~ '^[^[:cntrl:]]+$' AND octet_length(workflow) <= 200 AND on_unmet = ANY('{hold,fail,skip}')
    AND jsonb_typeof(input_from) = 'array' AND spawns <> ''
),
DROP CONSTRAINT tasks_wait_reason_check,
ADD CONSTRAINT tasks_wait_reason_check
CHECK (wait_reason = ANY('{scheduled,retry,limit,dependency,held,question,approval,budget}'));

CREATE INDEX tasks_by_workflow ON tasks (workflow, (status = 'queued'), number)
WHERE workflow IS NOT NULL AND status NOT IN ('leased', 'running');
-- What a task spawned.
CREATE INDEX tasks_of_parent ON tasks (parent) WHERE parent IS NOT NULL;

-- What a task needs before it is ready. A row whose need was met, or that somebody waived, stays: it says what the task
-- is given. 'tree' needs the success of a task and of all that it spawned, and of all that those spawned.
CREATE TABLE task_dependencies (
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    needs uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('succeeded', 'ended', 'failed', 'tree')),
    -- What the task calls the other one: a step of its batch. Null: it names it by its number alone.
    step text,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'met', 'unmet', 'waived')),
    PRIMARY KEY (task_id, needs, kind)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
-- Who waits for a task, and who gave up because of it: no end of a task reads more. What is done leaves the range that
-- is read, so that 100,000 dependents are looked at in steps.
CREATE INDEX task_dependencies_not_met ON task_dependencies (needs, kind, state, task_id) WHERE state IN ('open', 'unmet');
-- What a task still needs.
CREATE INDEX task_dependencies_open ON task_dependencies (task_id) WHERE state IN ('open', 'unmet');
-- What waits for a person, see inbox().
CREATE INDEX task_dependencies_unmet ON task_dependencies (task_id) WHERE state = 'unmet';
CREATE INDEX task_dependencies_of_need ON task_dependencies (needs);

-- The tasks that have ended, or are queued again after an end, and whose dependents were not all looked at then: they were
-- too many for one transaction, or somebody held them. The next claims go on. There is no key, so that nobody waits.
CREATE TABLE dependency_inbox (needs uuid NOT NULL)
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- A task that may spawn others, at the root of a tree: what the whole tree may take, and what it has taken.
CREATE TABLE task_trees (
    root uuid PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
    -- Children have depth 1. `children` are those of one task, `tasks` all below the root.
    max_depth integer NOT NULL DEFAULT 2 CHECK (max_depth BETWEEN 1 AND 10),
    max_children integer NOT NULL DEFAULT 50 CHECK (max_children BETWEEN 1 AND 1000),
    max_tasks integer NOT NULL DEFAULT 200 CHECK (max_tasks BETWEEN 1 AND 10000),
    max_cost_usd numeric CHECK (max_cost_usd > 0), max_tokens bigint CHECK (max_tokens > 0),
    -- The tools that its tasks may use. Null: that of the root alone.
    tools text [] CHECK (tools <> '{}'),
    tasks integer NOT NULL DEFAULT 0,
    -- Of all runs that have ended, the root's too.
    cost_usd numeric NOT NULL DEFAULT 0, tokens bigint NOT NULL DEFAULT 0
);

-- What a task that waits for approval spawns when somebody approves, as submit_tasks() takes it.
CREATE TABLE spawn_drafts (
    task_id uuid PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
    run_id uuid NOT NULL,
    tasks jsonb NOT NULL
);

INSERT INTO error_classes (name, run_status, uses_attempt, retried, goes_on, meaning) VALUES
('unmet', 'failed', false, false, false, 'a task that it comes after did not end as it needs'),
('skipped', 'canceled', false, false, false, 'it was skipped: a task that it comes after did not end as it needs'),
('input_missing', 'failed', true, false, false, 'what another task should have left for it is not there'),
('spawn_refused', 'failed', true, true, true, 'the tasks that its agent wrote down cannot be spawned');

ALTER TYPE task_selection ADD ATTRIBUTE workflow text;

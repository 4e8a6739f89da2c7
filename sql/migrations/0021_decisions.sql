-- What people decide of tasks, several tries at one task, and why a worker group was paused.

-- Who answered, approved or denied, and which try was picked: the audit, one row for each decision.
CREATE TABLE task_decisions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    decision text NOT NULL CHECK (decision IN ('answered', 'approved', 'denied', 'picked')),
    -- A session_name(), or the task that judged, or the rule that picked.
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL,
    -- The run that asked, or whose result it is about.
    run_id uuid,
    question text, message text
);
CREATE INDEX task_decisions_of_task ON task_decisions (task_id);

-- Several tries at one task. Its tasks are the tries, and the judge if there is one; they are together for ever.
CREATE TABLE try_sets (
    id uuid PRIMARY KEY,
    pick text NOT NULL CHECK (pick IN ('first-green', 'judge')),
    judge uuid, picked uuid,
    -- Whether one of its tasks has not ended. Reports of runs look for such a set, so none costs them one probe.
    is_open boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX try_sets_open ON try_sets (id) WHERE is_open;

-- No foreign key: it would cost each task that belongs to none.
ALTER TABLE tasks ADD COLUMN try_set uuid;
CREATE INDEX tasks_of_try_set ON tasks (try_set) WHERE try_set IS NOT NULL;

-- The error class that paused a group. Null: a person did.
ALTER TABLE worker_groups ADD COLUMN pause_class text;

INSERT INTO error_classes (name, run_status, uses_attempt, retried, goes_on, meaning) VALUES
('no_pick', 'failed', true, true, true, 'the judge named none of the tries');

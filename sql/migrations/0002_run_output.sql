-- What agents print, as it comes: append-only, without a trigger, deleted with the task.

-- Positions are those of the run's log; content has secrets masked, so its length says nothing about them.
CREATE TABLE run_output (
    run_id uuid NOT NULL REFERENCES task_runs (id) ON DELETE CASCADE,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    stream text NOT NULL CHECK (stream IN ('stdout', 'stderr')),
    starts_at bigint NOT NULL CHECK (starts_at >= 0),
    ends_at bigint NOT NULL,
    at timestamptz NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (run_id, seq),
    CHECK (ends_at > starts_at)
);

-- None of these is indexed, so that an update four times a second stays within its page.
ALTER TABLE task_runs
ADD COLUMN last_activity_at timestamptz,
ADD COLUMN activity text,
-- Printed by the agent, and stored of that: the rest is over max_log_bytes, or on its way.
ADD COLUMN stdout_bytes bigint NOT NULL DEFAULT 0,
ADD COLUMN stderr_bytes bigint NOT NULL DEFAULT 0,
ADD COLUMN stdout_stored bigint NOT NULL DEFAULT 0,
ADD COLUMN stderr_stored bigint NOT NULL DEFAULT 0;

-- Tasks that change a repository: the tree that a task works in, the commands that set it up and check it, and what was
-- recorded of each run. Two more things that a task may wait for: an answer to its agent's question, and an approval.

ALTER TABLE tasks
-- A name in config.yaml, or an absolute path on the dispatcher's host; and the ref to begin with. Null: its HEAD.
ADD COLUMN repository text,
ADD COLUMN ref text,
-- What it means that the agent changed nothing. Null: success.
ADD COLUMN no_changes text,
-- What runs before the agent, and after it; an empty text stands for nothing, also where config.yaml names a command.
ADD COLUMN setup_command text,
ADD COLUMN check_command text,
ADD COLUMN setup_timeout_s integer,
ADD COLUMN check_timeout_s integer,
-- Whether a person approves of the result before the task has succeeded.
ADD COLUMN approve boolean NOT NULL DEFAULT false,
-- Where its first run found the repository, and the commit that all of its runs begin with.
ADD COLUMN source text,
ADD COLUMN base_commit text,
-- What its agent asked, while nobody has answered.
ADD COLUMN question text,
-- What its next run is told: how its check failed, or an answer; and whether the session that it goes on with knows.
ADD COLUMN follow_up text,
ADD COLUMN follow_up_told boolean,
-- How many of its last runs, one after the other, ended at their setup. Null: none. (These two are null where they say
-- nothing, since a list would read more of a table whose rows are 8 bytes longer.)
ADD COLUMN setups_failed integer,
-- One short CHECK and not eight, since each statement that writes a row reads them all anew: 5,000 characters of a parsed
-- CHECK are 50 us of a new task's 900. submit_tasks() refuses more than this does, and says why.
ADD CHECK (
    repository <> '' AND ref ~ '^[^-]' AND no_changes = ANY('{succeed,fail}')
    AND greatest(octet_length(setup_command), octet_length(check_command)) <= 32000
    AND least(setup_timeout_s, check_timeout_s) > 0
    AND base_commit ~ '^[0-9a-f]{40}([0-9a-f]{24})?$'
),
-- As literals of arrays, lists of words are half as long: this makes up for the new CHECK.
DROP CONSTRAINT tasks_status_check,
ADD CONSTRAINT tasks_status_check
CHECK (status = ANY('{queued,leased,running,succeeded,failed,canceled}')),
DROP CONSTRAINT tasks_permission_check,
ADD CONSTRAINT tasks_permission_check CHECK (permission = ANY('{read,edit,full}')),
DROP CONSTRAINT tasks_wait_reason_check,
ADD CONSTRAINT tasks_wait_reason_check
CHECK (wait_reason = ANY('{scheduled,retry,limit,dependency,held,question,approval}'));

ALTER TABLE error_classes DROP CONSTRAINT error_classes_wait_reason_check;
ALTER TABLE error_classes ADD CONSTRAINT error_classes_wait_reason_check
CHECK (wait_reason IN ('retry', 'limit', 'question'));
-- Whether the next attempt goes on with the session, at once, and is told what was wrong.
ALTER TABLE error_classes ADD COLUMN goes_on boolean NOT NULL DEFAULT false;
INSERT INTO error_classes (name, run_status, uses_attempt, retried, wait_reason, group_action, goes_on, meaning) VALUES
('setup_failed', 'failed', false, true, 'retry', NULL, false, 'the setup command failed, so no agent was started'),
('check_failed', 'failed', true, true, NULL, NULL, true, 'the check command failed after the agent'),
('no_changes', 'failed', true, false, NULL, NULL, false, 'the agent changed nothing in the repository'),
('not_recorded', 'failed', false, false, NULL, NULL, false, 'what the agent changed could not be recorded'),
('question', 'interrupted', false, true, 'question', NULL, false, 'the agent asks something'),
('denied', 'failed', false, false, NULL, NULL, false, 'somebody denied the result');

-- What a run made of the repository. Without a commit nothing could be recorded, and the directory was kept.
CREATE TABLE run_changes (
    run_id uuid PRIMARY KEY REFERENCES task_runs (id) ON DELETE CASCADE,
    source text NOT NULL, base_commit text NOT NULL,
    -- The ref in the source, and its commit.
    ref text, head_commit text,
    -- Against the base. A file of bytes counts as no lines.
    files integer NOT NULL DEFAULT 0, insertions bigint NOT NULL DEFAULT 0, deletions bigint NOT NULL DEFAULT 0,
    -- The first of the files: [{"path", "insertions", "deletions"}], null for a file of bytes.
    stat jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(stat) = 'array'),
    -- What could not be recorded and why, and the directory that was kept for that.
    problem text, kept_in text,
    CHECK ((ref IS NULL) = (head_commit IS NULL))
);

-- The commands of a run: how each ended, and the end of what it printed. All of that is in run_output.
CREATE TABLE run_commands (
    run_id uuid NOT NULL REFERENCES task_runs (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('setup', 'check')),
    command text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('passed', 'failed', 'timeout', 'stopped')),
    exit_code integer, ran_s double precision, output_tail text,
    PRIMARY KEY (run_id, kind)
);

-- How much of the output of its commands is stored. Null: nothing.
ALTER TABLE task_runs ADD COLUMN setup_stored bigint, ADD COLUMN check_stored bigint;
ALTER TABLE run_output DROP CONSTRAINT run_output_stream_check;
ALTER TABLE run_output ADD CONSTRAINT run_output_stream_check CHECK (stream IN ('stdout', 'stderr', 'setup', 'check'));

-- Accounts: what tasks of one may cost, whether they may go on with another, and what a session goes on from.

ALTER TABLE worker_groups
-- Its tasks may go on with another account of the tool when this one cools down.
ADD COLUMN failover boolean NOT NULL DEFAULT true,
-- After a cool-down one task at a time, until a run has shown that the account works again.
ADD COLUMN unproven boolean NOT NULL DEFAULT false,
ADD COLUMN daily_budget_usd numeric CHECK (daily_budget_usd > 0),
ADD COLUMN task_budget_usd numeric CHECK (task_budget_usd > 0),
-- What its runs that ended on that day (UTC) cost, as far as their CLI tells.
ADD COLUMN spent_on date,
ADD COLUMN spent_usd numeric NOT NULL DEFAULT 0;

ALTER TABLE tasks
-- Instead of what error_classes says of the errors that use up an attempt.
ADD COLUMN retry_on text [],
ADD COLUMN fallback_model text CHECK (fallback_model ~ '^[^[:cntrl:]]+$' AND octet_length(fallback_model) <= 200),
-- A session that whoever submitted the task names; session_id is that of the last run.
ADD COLUMN asked_session text,
-- A run whose session and directory the task goes on with: one of another task, for good; or its own last one that a
-- usage limit cut short, unless the next run has another account or another work directory.
ADD COLUMN continues uuid,
ADD COLUMN resumes uuid;
CREATE INDEX tasks_continues ON tasks (continues) WHERE continues IS NOT NULL;
UPDATE tasks SET asked_session = session_id WHERE session_id IS NOT NULL AND run_no = 0;

ALTER TABLE task_runs
-- How the agent proved who it is: by an API key, a token, or the login in its config home. The last two are
-- subscriptions, so that a cost is notional.
ADD COLUMN auth_mode text CHECK (auth_mode IN ('key', 'token', 'login')),
-- The workspace whose work/ the agent worked in: NUMBER-RUN_NO of the run that the session began with.
ADD COLUMN directory text,
ADD COLUMN resumed uuid;

-- An account that is refused burns no attempt: its tasks wait until somebody has looked at it. A task that was refused
-- stays with that account, so that one whose model is forbidden cannot pause one account after the other.
UPDATE error_classes SET uses_attempt = false WHERE name = 'auth';

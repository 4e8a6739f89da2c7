-- Limits of workflows, and their budgets.

-- A budget is of a workflow. What its runs took so far is kept in the row, so that the claim reads no run: `slots` is how
-- many tasks of the scope may run now, none once the budget is used up. A limit without a number has a budget alone.
-- One CHECK for all: PostgreSQL reads each of them anew in each statement that writes the table, which every claim and
-- every end does (five CHECKs: 3 % of a claim).
ALTER TABLE concurrency_limits
ALTER COLUMN max_concurrent DROP NOT NULL,
ADD COLUMN budget_usd numeric,
ADD COLUMN token_budget bigint,
ADD COLUMN spent_usd numeric NOT NULL DEFAULT 0,
ADD COLUMN spent_tokens bigint NOT NULL DEFAULT 0,
-- The ended runs whose cost nobody knows.
ADD COLUMN unknown_cost_runs integer NOT NULL DEFAULT 0,
ADD COLUMN slots integer NOT NULL GENERATED ALWAYS AS (
    CASE
        WHEN spent_usd >= budget_usd OR spent_tokens >= token_budget THEN 0
        ELSE coalesce(max_concurrent, 2147483647)
    END
) STORED,
DROP CONSTRAINT concurrency_limits_scope_check,
ADD CONSTRAINT concurrency_limits_scope_check CHECK (
    scope ~ '^(tool|model|tenant|queue|workflow):[^[:cntrl:]]+$' AND octet_length(scope) <= 210
    AND num_nonnulls(max_concurrent, budget_usd, token_budget) > 0
    AND (num_nonnulls(budget_usd, token_budget) = 0 OR scope LIKE 'workflow:%')
    AND budget_usd > 0 AND token_budget > 0
);
-- A report looks here whether any workflow has a budget.
CREATE INDEX concurrency_limits_budgets ON concurrency_limits (scope)
WHERE budget_usd IS NOT NULL OR token_budget IS NOT NULL;

-- Tasks of different workflows are in different lanes; those without one stay where they are. PostgreSQL before 17 cannot
-- change the expression, so the column is made anew: the table is written again (measured: a million tasks, 28 s on 18, with
-- two processors that others used, too).
ALTER TABLE tasks DROP COLUMN lane;
ALTER TABLE tasks ADD COLUMN lane uuid NOT NULL GENERATED ALWAYS AS (md5(
    tool || chr(31) || coalesce(account, '') || chr(31) || coalesce(model, '') || chr(31)
    || tenant_id || chr(31) || queue || chr(31) || priority || coalesce(chr(31) || workflow, '')
)::uuid) STORED;
CREATE INDEX tasks_ready ON tasks (lane, created_at, number) WHERE status = 'queued' AND wait_reason IS NULL;

ALTER TABLE lane_inbox ADD COLUMN workflow text;
ALTER TABLE lanes ADD COLUMN workflow text;
ALTER TABLE tenantless_lanes ADD COLUMN workflow text;
CREATE INDEX tenantless_lanes_open_of_workflow ON tenantless_lanes (workflow)
WHERE closed_by IS NULL AND workflow IS NOT NULL;
ALTER TYPE candidate_lane ADD ATTRIBUTE workflow text;

-- Those that are ready are in a new lane.
INSERT INTO lane_inbox (lane, tool, account, model, tenant_id, queue, priority, workflow, number, created_at)
SELECT lane, tool, account, model, tenant_id, queue, priority, workflow, min(number), min(created_at)
FROM tasks WHERE workflow IS NOT NULL AND status = 'queued' AND wait_reason IS NULL
GROUP BY lane, tool, account, model, tenant_id, queue, priority, workflow;

ALTER TYPE task_selection ADD ATTRIBUTE spent_workflows text [];

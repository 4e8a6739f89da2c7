-- Selections that name tasks, models and what tasks wait for; lists in the order of interest; the priority of `top`.
-- For a million tasks it takes 10 s, in which nobody reads or writes tasks.

-- 1 to 9 are submitted, and 10 is what `top` sets. The claim and its tables know priorities as numbers only.
ALTER TABLE tasks DROP CONSTRAINT tasks_priority_check;
ALTER TABLE tasks ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 10);

-- For lists: the ready tasks that come before all usual ones. A task of the usual priority has no entry.
CREATE INDEX tasks_urgent ON tasks (priority DESC, number)
WHERE status = 'queued' AND wait_reason IS NULL AND priority > 5;
-- For lists: each way to filter has what waits beside what has ended, so that neither is sought among the other. As
-- before, active tasks have no entry, and now a task that names no model has none either.
DROP INDEX tasks_by_tool, tasks_by_tenant, tasks_by_queue, tasks_by_group;
CREATE INDEX tasks_by_tool ON tasks (tool, (status = 'queued'), number) WHERE status NOT IN ('leased', 'running');
CREATE INDEX tasks_by_model ON tasks (model, (status = 'queued'), number)
WHERE model IS NOT NULL AND status NOT IN ('leased', 'running');
CREATE INDEX tasks_by_tenant ON tasks (tenant_id, (status = 'queued'), number)
WHERE status NOT IN ('leased', 'running');
CREATE INDEX tasks_by_queue ON tasks (queue, (status = 'queued'), number) WHERE status NOT IN ('leased', 'running');
CREATE INDEX tasks_by_group ON tasks (group_name, (status = 'queued'), number)
WHERE group_name IS NOT NULL AND status NOT IN ('leased', 'running');

ALTER TYPE task_selection
DROP ATTRIBUTE numbers,
-- The numbers of the tasks, if they are named.
ADD ATTRIBUTE picked int8multirange,
-- Of these, the ones that are named one by one and not by a range.
ADD ATTRIBUTE named bigint [],
ADD ATTRIBUTE model text,
-- What the name in small letters is like, as LIKE takes it.
DROP ATTRIBUTE name,
ADD ATTRIBUTE name_like text,
-- What queued tasks wait for; and the tools, with or without an account, whose ready tasks wait for that.
ADD ATTRIBUTE waiting text,
ADD ATTRIBUTE ready_waits text [];

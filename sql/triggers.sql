-- Which trigger calls which function. Triggers are created again after every migration, as functions are.

-- Earlier versions and migration 16 file labels and tally by triggers of their own, which tasks_inserted(),
-- tasks_updated() and write_outcomes() do now. This comes first: a stronger lock after the weaker ones below could
-- deadlock with whoever reads and then writes.
DROP TRIGGER IF EXISTS tasks_labeled ON tasks;
DROP TRIGGER IF EXISTS tasks_inserted_tallied ON tasks;
DROP TRIGGER IF EXISTS tasks_updated_tallied ON tasks;
DROP TRIGGER IF EXISTS task_runs_ended ON task_runs;
DROP FUNCTION IF EXISTS tally_run();

CREATE OR REPLACE TRIGGER tasks_inserted AFTER INSERT ON tasks
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION tasks_inserted();

CREATE OR REPLACE TRIGGER tasks_unlabeled AFTER DELETE ON tasks
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION unlabel_tasks();

CREATE OR REPLACE TRIGGER tasks_born_active AFTER INSERT ON tasks
FOR EACH ROW WHEN (new.status IN ('leased', 'running') OR new.run_no <> 0 OR new.attempt <> 0)
EXECUTE FUNCTION refuse_active_birth();

CREATE OR REPLACE TRIGGER tasks_updated AFTER UPDATE ON tasks
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION tasks_updated();

CREATE OR REPLACE TRIGGER tasks_deleted BEFORE DELETE ON tasks
FOR EACH ROW WHEN (old.status IN ('leased', 'running'))
EXECUTE FUNCTION refuse_deletion_while_active();

-- Somebody who inserts tasks by hand, with a time in the future, need not know wait_reason.
CREATE OR REPLACE TRIGGER tasks_scheduled BEFORE INSERT ON tasks
FOR EACH ROW WHEN (
    new.scheduled_at IS NOT NULL AND coalesce(new.wait_reason, 'held') = 'held' AND new.status = 'queued'
)
EXECUTE FUNCTION task_scheduled();

CREATE OR REPLACE TRIGGER tasks_deleted_tallied AFTER DELETE ON tasks
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION tally_tasks();

-- A limit or group is created, renamed, resized or removed while nothing is claimed or finished, so that its count is
-- true.
CREATE OR REPLACE TRIGGER concurrency_limits_locked
BEFORE INSERT OR DELETE OR UPDATE OF scope, max_concurrent, budget_usd, token_budget ON concurrency_limits
FOR EACH STATEMENT EXECUTE FUNCTION lock_limits_first();

CREATE OR REPLACE TRIGGER concurrency_limits_counted
BEFORE INSERT OR UPDATE OF scope, budget_usd, token_budget ON concurrency_limits
FOR EACH ROW EXECUTE FUNCTION count_limit();

CREATE OR REPLACE TRIGGER worker_groups_locked
BEFORE INSERT OR DELETE OR UPDATE OF group_name, max_concurrent ON worker_groups
FOR EACH STATEMENT EXECUTE FUNCTION lock_limits_first();

CREATE OR REPLACE TRIGGER worker_groups_counted BEFORE INSERT OR UPDATE OF group_name ON worker_groups
FOR EACH ROW EXECUTE FUNCTION count_group();

CREATE OR REPLACE TRIGGER worker_groups_deleted BEFORE DELETE ON worker_groups
FOR EACH ROW WHEN (old.current_concurrent > 0)
EXECUTE FUNCTION refuse_deletion_while_in_use();

CREATE OR REPLACE TRIGGER worker_groups_renamed BEFORE UPDATE OF group_name ON worker_groups
FOR EACH ROW WHEN (old.group_name <> new.group_name AND old.current_concurrent > 0)
EXECUTE FUNCTION refuse_deletion_while_in_use();

CREATE OR REPLACE TRIGGER concurrency_limits_guard BEFORE UPDATE ON concurrency_limits
FOR EACH ROW WHEN (new.current_concurrent > old.current_concurrent AND new.current_concurrent > new.max_concurrent)
EXECUTE FUNCTION refuse_rise_above_maximum();

CREATE OR REPLACE TRIGGER worker_groups_guard BEFORE UPDATE ON worker_groups
FOR EACH ROW WHEN (new.current_concurrent > old.current_concurrent AND new.current_concurrent > new.max_concurrent)
EXECUTE FUNCTION refuse_rise_above_maximum();

CREATE OR REPLACE TRIGGER concurrency_limits_filled_inserted AFTER INSERT ON concurrency_limits
FOR EACH ROW WHEN (new.scope NOT LIKE 'tool:%' AND new.current_concurrent >= new.slots)
EXECUTE FUNCTION limit_changed();

CREATE OR REPLACE TRIGGER concurrency_limits_filled_updated AFTER UPDATE ON concurrency_limits
FOR EACH ROW WHEN (
    (old.current_concurrent >= old.slots) <> (new.current_concurrent >= new.slots)
    AND new.scope NOT LIKE 'tool:%' OR old.scope <> new.scope
)
EXECUTE FUNCTION limit_changed();

CREATE OR REPLACE TRIGGER concurrency_limits_filled_deleted AFTER DELETE ON concurrency_limits
FOR EACH ROW WHEN (old.scope NOT LIKE 'tool:%')
EXECUTE FUNCTION limit_changed();

CREATE OR REPLACE TRIGGER concurrency_limits_spent AFTER UPDATE OF spent_usd, spent_tokens ON concurrency_limits
FOR EACH ROW WHEN (
    (new.budget_usd IS NOT NULL OR new.token_budget IS NOT NULL)
    AND (new.spent_usd > old.spent_usd OR new.spent_tokens > old.spent_tokens)
)
EXECUTE FUNCTION budget_was_used();

CREATE OR REPLACE TRIGGER concurrency_limits_changed
AFTER INSERT OR DELETE OR UPDATE OF scope, max_concurrent, budget_usd, token_budget ON concurrency_limits
FOR EACH STATEMENT EXECUTE FUNCTION room_changed();

CREATE OR REPLACE TRIGGER closed_groups_changed AFTER INSERT OR DELETE OR UPDATE ON closed_groups
FOR EACH ROW EXECUTE FUNCTION room_changed();

CREATE OR REPLACE TRIGGER worker_groups_changed
AFTER INSERT OR DELETE OR UPDATE OF
group_name, tool, account_name, max_concurrent, paused, cooldown_until, models_cool_until, unproven, daily_budget_usd, hosts
ON worker_groups
FOR EACH STATEMENT EXECUTE FUNCTION room_changed();

-- What hooks are told of groups. Most updates of a group meet none of these conditions.
CREATE OR REPLACE TRIGGER worker_groups_paused AFTER UPDATE OF paused ON worker_groups
FOR EACH ROW WHEN (new.paused AND NOT old.paused)
EXECUTE FUNCTION groups_news('group.paused');

CREATE OR REPLACE TRIGGER worker_groups_cooled AFTER UPDATE OF cooldown_until ON worker_groups
FOR EACH ROW WHEN (new.cooldown_until > coalesce(old.cooldown_until, '-infinity'))
EXECUTE FUNCTION groups_news('group.cooled');

CREATE OR REPLACE TRIGGER worker_groups_spent AFTER UPDATE OF spent_usd ON worker_groups
FOR EACH ROW WHEN (
    new.spent_usd >= 0.8 * new.daily_budget_usd
    AND NOT (old.spent_usd >= 0.8 * old.daily_budget_usd AND old.spent_on = new.spent_on)
)
EXECUTE FUNCTION groups_news('budget.80');

CREATE OR REPLACE TRIGGER task_trees_spent AFTER UPDATE OF cost_usd, tokens, max_cost_usd, max_tokens ON task_trees
FOR EACH ROW WHEN (
    new.max_cost_usd IS NOT NULL OR new.max_tokens IS NOT NULL
    OR old.max_cost_usd IS NOT NULL OR old.max_tokens IS NOT NULL
)
EXECUTE FUNCTION tree_was_spent();

-- What accounts run into: limits of one model, outages of their service, and throttling that does not end.

ALTER TABLE worker_groups
-- The error class that made it cool down. Null: a person did, or an earlier version.
ADD COLUMN cooldown_class text,
-- When the last of its model_cooldowns ends. Null: it has none. So a claim learns from the groups that it reads anyway
-- that no model cools.
ADD COLUMN models_cool_until timestamptz,
-- When somebody last resumed it: a run from before does not pause it again.
ADD COLUMN resumed_at timestamptz,
-- The first and the last overloaded run of an outage, see outage_began(), and how many probes of the outage were
-- overloaded. Null: none since a run has reached the service.
ADD COLUMN outage_since timestamptz, ADD COLUMN overloaded_at timestamptz, ADD COLUMN overloaded_probes integer,
-- The first of the throttled runs since one has got through, and how many there were. Null: none.
ADD COLUMN throttled_since timestamptz, ADD COLUMN throttled_runs integer;

-- A model whose own usage limit is reached on one account. The model is as tasks name it, '' for tasks that name none.
-- A row stays for a day after its end, so that a limit which is met again at once is known.
CREATE TABLE model_cooldowns (
    group_name text COLLATE "C" NOT NULL REFERENCES worker_groups (group_name) ON UPDATE CASCADE ON DELETE CASCADE,
    model text NOT NULL,
    cools_until timestamptz NOT NULL CHECK (isfinite(cools_until)),
    reason text NOT NULL,
    PRIMARY KEY (group_name, model)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20);

ALTER TABLE error_classes DROP CONSTRAINT error_classes_group_action_check;
ALTER TABLE error_classes ADD CONSTRAINT error_classes_group_action_check
CHECK (group_action IN ('cool down', 'pause', 'close here', 'back off', 'count'));
-- Whether a run that ends so, after its agent was started, shows that the service answers: it ends an outage.
ALTER TABLE error_classes ADD COLUMN is_answered boolean NOT NULL DEFAULT false;
UPDATE error_classes SET is_answered = true
WHERE name IN (
    'limit', 'throttled', 'auth', 'no_credit', 'budget', 'context_too_long', 'invalid_request', 'permission_denied',
    'empty_result', 'output_missing', 'output_too_large', 'check_failed', 'no_changes', 'not_recorded', 'question',
    'no_pick'
);
UPDATE error_classes SET group_action = 'count' WHERE name = 'throttled';
-- For an hour of an outage it uses up no attempt, see decide_outcomes().
UPDATE error_classes SET uses_attempt = false, group_action = 'back off' WHERE name = 'overloaded';

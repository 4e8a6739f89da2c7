-- What a host and its dispatcher know: which groups cannot run there, and that a dispatcher is about to end.

-- A group that one dispatcher cannot run, since its host lacks something: the program, a key, the config home. Others
-- go on with it. A new start of the dispatcher has no rows. There is no other index: few groups are ever closed.
CREATE TABLE closed_groups (
    dispatcher_id uuid NOT NULL REFERENCES dispatchers (id) ON DELETE CASCADE,
    group_name text COLLATE "C" NOT NULL REFERENCES worker_groups (group_name) ON UPDATE CASCADE ON DELETE CASCADE,
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dispatcher_id, group_name)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20);

ALTER TABLE error_classes DROP CONSTRAINT error_classes_group_action_check;
ALTER TABLE error_classes ADD CONSTRAINT error_classes_group_action_check
CHECK (group_action IN ('cool down', 'pause', 'close here'));
INSERT INTO error_classes (name, run_status, uses_attempt, retried, wait_reason, group_action, meaning) VALUES
('unusable_here', 'failed', false, true, NULL, 'close here', 'this host lacks what the account needs');

-- It starts nothing more and ends when its agents have, or after its grace.
ALTER TABLE dispatchers ADD COLUMN draining boolean NOT NULL DEFAULT false;
-- Where it works, so that `dispatcher stop` finds it when that directory was deleted. Null: an older dispatcher.
ALTER TABLE dispatchers ADD COLUMN work_dir text;

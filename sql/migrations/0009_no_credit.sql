-- So far an empty purse was a `budget`, which fails the task: one account without money failed all that was queued for it.
INSERT INTO error_classes (name, run_status, uses_attempt, retried, wait_reason, group_action, meaning) VALUES
('no_credit', 'failed', false, true, NULL, 'pause', 'the account has no money left');
UPDATE error_classes SET meaning = 'the money or turn limit that the run was given is reached' WHERE name = 'budget';

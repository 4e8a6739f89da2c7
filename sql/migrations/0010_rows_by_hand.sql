-- A site may let somebody insert tasks by hand. No such row may break what others do: a list fails for a time that is none,
-- pruning for a task that has ended and is at work, and the claim for a count that cannot grow. Triggers refuse the last.

UPDATE tasks SET finished_at = NULL WHERE finished_at IS NOT NULL AND status IN ('queued', 'leased', 'running');
UPDATE tasks SET
    attempt = least(greatest(attempt, 0), 1000000000),
    run_no = least(greatest(run_no, 0), 1000000000),
    created_at = least(greatest(created_at, '1970-01-01 00:00+00'), '9999-01-01 00:00+00'),
    started_at = CASE
        WHEN started_at IS NOT NULL THEN least(greatest(started_at, '1970-01-01 00:00+00'), '9999-01-01 00:00+00')
    END,
    finished_at = CASE
        WHEN finished_at IS NOT NULL THEN least(greatest(finished_at, '1970-01-01 00:00+00'), '9999-01-01 00:00+00')
    END
WHERE attempt NOT BETWEEN 0 AND 1000000000 OR run_no NOT BETWEEN 0 AND 1000000000
    OR created_at NOT BETWEEN '1970-01-01 00:00+00' AND '9999-01-01 00:00+00'
    OR started_at NOT BETWEEN '1970-01-01 00:00+00' AND '9999-01-01 00:00+00'
    OR finished_at NOT BETWEEN '1970-01-01 00:00+00' AND '9999-01-01 00:00+00';

ALTER TABLE tasks
ADD CHECK (
    least(created_at, started_at, finished_at) >= '1970-01-01 00:00+00'
    AND greatest(created_at, started_at, finished_at) <= '9999-01-01 00:00+00'
    AND (finished_at IS NULL OR status IN ('succeeded', 'failed', 'canceled'))
);

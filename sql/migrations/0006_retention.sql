-- Retention: what has ended long ago is found, and its rows are deleted, without looking at all the others.

-- When run_output lost what the task's runs had printed until then.
ALTER TABLE tasks ADD COLUMN output_pruned_at timestamptz;
CREATE INDEX tasks_ended ON tasks (finished_at) WHERE finished_at IS NOT NULL;
-- Of tasks and not of runs: so no index has a column that changes at the end of a run, and the three updates of a run
-- stay within its page (measured over 200,000 tasks: see docs/performance.md).
CREATE INDEX tasks_with_output ON tasks (finished_at) WHERE finished_at > coalesce(output_pruned_at, '-infinity');
-- Nothing looks for open runs but through their tasks.
DROP INDEX task_runs_open;

-- The foreign key looks for the files of a run by run_id alone, which an index with the condition NOT is_input does not
-- serve: each run that was deleted cost a walk through all files. The two conditions say the same.
CREATE UNIQUE INDEX task_files_of_run ON task_files (run_id, path) WHERE run_id IS NOT NULL;
DROP INDEX task_files_output;

-- Which of the large files are still somebody's.
CREATE INDEX task_files_stored ON task_files (sha256) WHERE storage_url IS NOT NULL;

-- A few rows that every claim and report updates. Their dead versions are pruned within the page, so 500 of them are never
-- counted at once; but each time that a snapshot holds them a row moves to a new page, and only VACUUM makes the old one
-- known as free (measured: 4 groups on 19 pages after 200,000 tasks, and still growing).
ALTER TABLE worker_groups SET (autovacuum_vacuum_threshold = 20);
ALTER TABLE concurrency_limits SET (autovacuum_vacuum_threshold = 20);
ALTER TABLE dispatchers SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20);

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

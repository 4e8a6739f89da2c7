-- API wanted_files(): returns the files that runs wait for and that were not sent to their end yet: of each its content's
-- SHA-256, where and on which host it was kept, and up to which byte it was sent and taken.
CREATE OR REPLACE FUNCTION wanted_files()
RETURNS TABLE (
    run_id uuid, path text, sha256 text, size_bytes bigint, storage_url text, host text, sent bigint, taken bigint
)
LANGUAGE sql STABLE
AS $$
    SELECT run_id, path, sha256, size_bytes, storage_url, r.host, sent, taken
    FROM file_requests AS r JOIN task_runs ON task_runs.id = run_id
    WHERE problem IS NULL AND sent < size_bytes AND status = 'running' ORDER BY run_id, path
$$;

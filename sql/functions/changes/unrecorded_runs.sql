-- API unrecorded_runs(dispatcher, directories): returns of the runs to which these workspaces in the dispatcher's work
-- directory belong (NUMBER-RUN_NO) those that have ended and may have left work in a clone of which nothing is
-- recorded, with the workspace that has the clone, lowest number first. A run that was given up as lost may not have
-- told that its agent had started.
-- Cost: two probes for each directory.
CREATE OR REPLACE FUNCTION unrecorded_runs(p_dispatcher uuid, p_directories text [])
RETURNS TABLE (
    run_id uuid, task_id uuid, number bigint, run_no integer, tool text, directory text, source text, base_commit text
)
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT runs.id, t.id, t.number, runs.run_no, t.tool, runs.directory, t.source, t.base_commit
    FROM (
        SELECT split_part(name, '-', 1)::bigint AS number, split_part(name, '-', 2)::integer AS run_no
        FROM unnest(p_directories) AS name WHERE name ~ '^[0-9]{1,18}-[0-9]{1,9}$'
    ) AS place
    JOIN tasks AS t USING (number)
    JOIN task_runs AS runs ON runs.task_id = t.id AND runs.run_no = place.run_no
    JOIN dispatchers AS ours ON ours.id = p_dispatcher AND ours.work_dir_id = runs.work_dir_id
    LEFT JOIN run_changes AS change ON change.run_id = runs.id
    WHERE t.repository IS NOT NULL AND t.base_commit IS NOT NULL AND runs.status <> 'running' AND change.ref IS NULL
        AND (runs.started_at IS NOT NULL OR runs.status = 'lost' OR change.run_id IS NOT NULL)
    ORDER BY t.number, runs.run_no
$$;

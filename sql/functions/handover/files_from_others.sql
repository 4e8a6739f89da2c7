-- INTERNAL files_from_others(task): returns the files that a task is given by those that it needs (input_from), under the
-- names that they get: `file` is the row of task_files, and `host` the machine of the run that wrote it. Those of all tasks
-- of a tree are named NAME/NUMBER/BASENAME. A task that did not succeed gives none.
-- Raises LD424 if a task succeeded, but a file that it should have left is not there, or the task itself is not.
CREATE OR REPLACE FUNCTION files_from_others(p_task uuid)
RETURNS TABLE (
    path text, file uuid, mode integer, size_bytes bigint, sha256 text, storage_url text, host text
)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT given.asked ->> 'task' AS number, given.asked ->> 'path' AS path, given.asked ->> 'name' AS name,
            n.id, n.status, n.run_id, sources.ids, coalesce(given.asked -> 'of_tree' = 'true', false) AS of_tree
        FROM tasks AS t CROSS JOIN jsonb_array_elements(t.input_from) WITH ORDINALITY AS given (asked, place)
        LEFT JOIN tasks AS n ON n.number = (given.asked ->> 'task')::bigint
        CROSS JOIN LATERAL (
            SELECT CASE WHEN given.asked -> 'of_tree' = 'true' THEN tasks_below(ARRAY[n.id]) ELSE ARRAY[n.id] END AS ids
        ) AS sources
        WHERE t.id = p_task ORDER BY given.place
    LOOP
        IF r.id IS NULL THEN
            RAISE EXCEPTION 'task %, which was to leave %, has been deleted', r.number, r.path USING ERRCODE = 'LD424';
        END IF;
        RETURN QUERY
        SELECT CASE WHEN r.of_tree THEN format('%s/%s/%s', r.name, s.number, regexp_replace(f.path, '.*/', '')) ELSE r.name END,
            f.id, f.mode, f.size_bytes, f.sha256, f.storage_url, task_runs.host
        FROM tasks AS s JOIN task_files AS f ON f.run_id = s.run_id JOIN task_runs ON task_runs.id = s.run_id
        WHERE s.id = ANY(r.ids) AND s.status = 'succeeded' AND f.path = r.path;
        IF NOT FOUND AND (r.of_tree AND r.ids <> '{}' OR NOT r.of_tree AND r.status = 'succeeded') THEN
            IF r.of_tree THEN
                RAISE EXCEPTION 'none of the tasks that task % spawned left %', r.number, r.path USING ERRCODE = 'LD424';
            END IF;
            PERFORM refuse_missing(r.number::bigint, r.run_id, r.path);
        END IF;
    END LOOP;
END
$$;

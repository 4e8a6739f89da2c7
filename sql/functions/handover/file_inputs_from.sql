-- INTERNAL file_inputs_from(tasks, ids, created, names, needs): stores which files the tasks that were created are given by
-- those that they need: `names` are those by which they call other tasks, and `needs` these tasks. Only file_needs() calls this.
-- Raises LD400 for two files of one name, and for a file that a task cannot leave.
CREATE OR REPLACE FUNCTION file_inputs_from(p_tasks jsonb, p_ids uuid [], p_created boolean [], p_names text [], p_needs uuid [])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_twice text;
    v_complaint text;
BEGIN
    IF NOT p_tasks @? '$[*].input_from[*]' THEN
        RETURN;
    END IF;
    WITH given AS MATERIALIZED (
        SELECT n.id AS need, p_ids[task.place] AS id, file.place, n.number, asked ->> 'path' AS path,
            coalesce(asked -> 'of_tree' = 'true', false) AS of_tree,
            coalesce(asked ->> 'name', CASE WHEN asked -> 'of_tree' = 'true' THEN 'tree' ELSE asked ->> 'path' END) AS name
        FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS task (keys, place)
        CROSS JOIN jsonb_array_elements(
            CASE jsonb_typeof(keys -> 'input_from') WHEN 'array' THEN keys -> 'input_from' ELSE '[]' END
        ) WITH ORDINALITY AS file (asked, place)
        JOIN (SELECT DISTINCT unnest(p_names) AS name, unnest(p_needs) AS need) AS named ON named.name = asked ->> 'task'
        JOIN tasks AS n ON n.id = named.need
        WHERE p_created[task.place]
    ), names AS (
        SELECT id, concat(name, CASE WHEN of_tree THEN format('/%s/%s', number, regexp_replace(path, '.*/', '')) END) AS name
        FROM given
        UNION ALL
        SELECT tasks.id, path FROM tasks CROSS JOIN jsonb_array_elements_text(input_files) AS path
        WHERE tasks.id = ANY(ARRAY(SELECT id FROM given))
    ), stored AS (
        UPDATE tasks SET input_from = files
        FROM (
            SELECT id AS task, jsonb_agg(
                jsonb_build_object('task', number, 'of_tree', of_tree, 'path', path, 'name', name) ORDER BY place
            ) AS files
            FROM given GROUP BY id
        ) AS listed
        WHERE tasks.id = task AND tasks.id = ANY(p_ids)
    )
    SELECT (SELECT min(name) FROM (SELECT name FROM names GROUP BY id, name HAVING count(*) > 1) AS twice),
        (SELECT min(complaint_about_need(need, 'file', path)) FROM given WHERE NOT of_tree)
    INTO v_twice, v_complaint;
    IF v_complaint IS NOT NULL THEN
        RAISE EXCEPTION '%', v_complaint USING ERRCODE = 'LD400';
    END IF;
    IF v_twice IS NOT NULL THEN
        RAISE EXCEPTION 'two input files have the name %', quote_literal(v_twice)
            USING ERRCODE = 'LD400', HINT = 'give one of them another name: --input-from TASK:PATH:NAME';
    END IF;
END
$$;

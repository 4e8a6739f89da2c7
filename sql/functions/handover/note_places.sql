-- INTERNAL note_places(tasks): notes which of these tasks have prompts to be filled with what other tasks made, see
-- places_of(). A task that needs no other keeps its prompt as it is.
-- Raises LD400 for a place that names a task which the task does not come after, or what that one cannot leave.
CREATE OR REPLACE FUNCTION note_places(p_ids uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_filled uuid [];
    v_wrong record;
BEGIN
    v_filled := ARRAY(
        SELECT id FROM tasks
        WHERE id = ANY(p_ids) AND prompt ~ '\{\{(result|results|patch|patches|file):'
            AND EXISTS (SELECT FROM task_dependencies WHERE task_id = tasks.id)
            AND EXISTS (SELECT FROM places_of(prompt) WHERE kind IS NOT NULL)
    );
    SELECT places.kind, places.name, places.path, named.need,
        complaint_about_need(named.need, places.kind, places.path) AS complaint INTO v_wrong
    FROM tasks AS t CROSS JOIN LATERAL places_of(t.prompt) AS places
    CROSS JOIN LATERAL need_by_name(t.id, places.name) AS named
    WHERE t.id = ANY(v_filled) AND places.kind IS NOT NULL
        AND (
            named.need IS NULL OR places.kind IN ('results', 'patches') AND NOT named.is_tree
            OR complaint_about_need(named.need, places.kind, places.path) IS NOT NULL
        )
    ORDER BY t.number, places.place LIMIT 1;
    IF v_wrong.complaint IS NOT NULL THEN
        RAISE EXCEPTION '%', v_wrong.complaint USING ERRCODE = 'LD400';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'the prompt names %, but the task does not come after %: %',
            format('{{%s}}', concat_ws(':', v_wrong.kind, v_wrong.name, v_wrong.path)),
            CASE WHEN v_wrong.need IS NULL THEN v_wrong.name ELSE format('all that %s spawns', v_wrong.name) END,
            format(CASE WHEN v_wrong.kind IN ('results', 'patches') THEN '--after-tree %s' ELSE '--after %s' END, v_wrong.name)
            USING ERRCODE = 'LD400', HINT = 'text with such braces that is not to be filled can be an input file';
    END IF;
    UPDATE tasks SET is_filled = CASE WHEN id = ANY(v_filled) THEN true END
    WHERE id = ANY(p_ids) AND is_filled IS DISTINCT FROM CASE WHEN id = ANY(v_filled) THEN true END;
END
$$;

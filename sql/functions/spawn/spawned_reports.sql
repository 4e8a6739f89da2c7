-- INTERNAL spawned_reports(reports, tasks): submits what those of these runs spawn that succeeded, and returns the reports
-- as they count after that. What cannot be spawned makes the run fail as spawn_refused, and its agent is told why. A task
-- that needs approval spawns when it is approved: until then its children are a draft, which could be spawned now. A task
-- that was asked to stop spawns nothing, and is canceled.
-- It comes before the end of the task is written, so that nobody sees a tree that has ended without its children.
-- A report lists what its agent wrote: "spawn": [{"line": 1, "task": {…}}], see spawn_tasks().
-- The caller holds the tasks, their trees, and the tasks that are named.
CREATE OR REPLACE FUNCTION spawned_reports(p_reports jsonb, p_task_ids uuid []) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_parent record;
    v_refusal text;
    v_changes jsonb;
BEGIN
    FOR v_parent IN
        SELECT place, report, t.id, t.run_id, t.spawns, t.approve, t.cancel_requested_at IS NOT NULL AS is_stopped
        FROM jsonb_array_elements(p_reports) WITH ORDINALITY AS given (report, place)
        JOIN tasks AS t ON t.run_id = (report ->> 'run_id')::uuid AND t.id = ANY(p_task_ids)
        WHERE t.spawns IS NOT NULL AND report ->> 'error_class' IS NULL ORDER BY place
    LOOP
        IF v_parent.is_stopped THEN
            v_changes := '{"error_class": "canceled", "error_message": "canceled on request"}';
        ELSIF jsonb_typeof(v_parent.report -> 'spawn') IS DISTINCT FROM 'array' THEN
            v_changes := jsonb_build_object('error_class', 'output_missing', 'error_message', format(
                'the report of its run does not say what is in %s: its dispatcher is older than the database', v_parent.spawns));
        ELSE
            v_refusal := refusal_of_spawn(v_parent.id, v_parent.run_id, v_parent.report -> 'spawn', v_parent.approve);
            v_changes := CASE WHEN v_refusal IS NULL THEN '{}' ELSE jsonb_build_object(
                'error_class', 'spawn_refused', 'error_message', v_refusal,
                'follow_up', format(e'The tasks that you wrote down cannot be used: %s\n\nWrite the file %s again, corrected, and end.',
                    v_refusal, v_parent.spawns)) END;
        END IF;
        p_reports := jsonb_set(p_reports, ARRAY[(v_parent.place - 1)::text], v_parent.report - 'spawn' || v_changes);
    END LOOP;
    RETURN p_reports;
END
$$;

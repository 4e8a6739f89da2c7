-- INTERNAL edit_tasks(tasks, changes): changes the settings of queued tasks, also of those that a retry has
-- just queued again. Labels are merged, and one that is null is
-- removed. Any other null gives what a task has that was submitted without that key. A task whose run was cut short
-- starts over with its new prompt: its session knows the old one, and so does what it would be told. Since when a task has been ready stays as it is: see
-- tasks_ready_in_queue. require_changes() has let the changes through. The caller has locked the tasks.
-- Raises LD400 for a model that the tool of a task does not know, and what note_places() raises for a prompt.
CREATE OR REPLACE FUNCTION edit_tasks(p_ids uuid [], p_changes jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    c jsonb := p_changes;
    v_labels jsonb := coalesce(nullif(c -> 'labels', 'null'), '{}');
    v_gone text [] := ARRAY(SELECT key FROM jsonb_each(v_labels) WHERE value = 'null');
    v_drops_all boolean := c -> 'labels' = 'null';
BEGIN
    IF c ->> 'model' IS NOT NULL THEN
        PERFORM require_models(coalesce((
            SELECT jsonb_agg(DISTINCT jsonb_build_object('tool', tool, 'model', c -> 'model'))
            FROM tasks WHERE id = ANY(p_ids)
        ), '[]'));
    END IF;
    IF c ? 'labels' THEN
        DELETE FROM task_labels USING tasks CROSS JOIN jsonb_each_text(tasks.labels) AS old
        WHERE tasks.id = ANY(p_ids) AND (v_labels ? old.key OR v_drops_all)
            AND task_labels.label = label_hash(old.key, old.value) AND task_labels.number = tasks.number;
    END IF;
    UPDATE tasks SET
        prompt = CASE WHEN c ? 'prompt' THEN c ->> 'prompt' ELSE prompt END,
        resumes = CASE WHEN c ? 'prompt' THEN NULL ELSE resumes END,
        follow_up = CASE WHEN c ? 'prompt' THEN NULL ELSE follow_up END,
        name = CASE WHEN c ? 'name' THEN c ->> 'name' ELSE name END,
        priority = CASE WHEN c ? 'priority' THEN coalesce((c ->> 'priority')::smallint, 5) ELSE priority END,
        model = CASE WHEN c ? 'model' THEN c ->> 'model' ELSE model END,
        fallback_model = CASE WHEN c ? 'fallback_model' THEN c ->> 'fallback_model' ELSE fallback_model END,
        permission = CASE WHEN c ? 'permission' THEN coalesce(c ->> 'permission', 'edit') ELSE permission END,
        timeout_s = CASE WHEN c ? 'timeout_s' THEN (c ->> 'timeout_s')::integer ELSE timeout_s END,
        stall_timeout_s = CASE WHEN c ? 'stall_timeout_s' THEN (c ->> 'stall_timeout_s')::integer
            ELSE stall_timeout_s END,
        max_attempts = CASE WHEN c ? 'max_attempts' THEN coalesce((c ->> 'max_attempts')::integer, 3)
            ELSE max_attempts END,
        backoff_s = CASE WHEN c ? 'backoff_s' THEN coalesce((c ->> 'backoff_s')::real, 30) ELSE backoff_s END,
        queue = CASE WHEN c ? 'queue' THEN coalesce(c ->> 'queue', 'default') ELSE queue END,
        setup_command = CASE WHEN c ? 'setup_command' THEN c ->> 'setup_command' ELSE setup_command END,
        check_command = CASE WHEN c ? 'check_command' THEN c ->> 'check_command' ELSE check_command END,
        setup_timeout_s = CASE WHEN c ? 'setup_timeout_s' THEN (c ->> 'setup_timeout_s')::integer
            ELSE setup_timeout_s END,
        check_timeout_s = CASE WHEN c ? 'check_timeout_s' THEN (c ->> 'check_timeout_s')::integer
            ELSE check_timeout_s END,
        setups_failed = CASE WHEN c ? 'setup_command' THEN NULL ELSE setups_failed END,
        labels = CASE WHEN v_drops_all THEN '{}' ELSE (labels || v_labels) - v_gone END
    WHERE id = ANY(p_ids) AND status = 'queued';
    IF c ? 'prompt' THEN
        PERFORM note_places(p_ids);
    END IF;
    IF c ? 'labels' THEN
        INSERT INTO task_labels (label, number)
        SELECT DISTINCT label_hash(key, value), number FROM tasks CROSS JOIN jsonb_each_text(labels)
        WHERE tasks.id = ANY(p_ids) AND tasks.status = 'queued'
        ON CONFLICT DO NOTHING;
    END IF;
END
$$;

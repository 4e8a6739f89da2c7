-- INTERNAL require_changes(action, changes): refuses changes that edit_tasks() could not make, with the sentences of
-- submit_tasks(), and changes for any other action. A retry may have the same changes, or none. approve and deny
-- take a message, and cancel whether it cascades. Raises LD400.
CREATE OR REPLACE FUNCTION require_changes(p_action text, p_changes jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_keys CONSTANT text [] := '{prompt,name,priority,model,fallback_model,permission,timeout_s,stall_timeout_s,
        max_attempts,backoff_s,queue,labels,setup_command,check_command,setup_timeout_s,check_timeout_s}';
    v_complaint text;
BEGIN
    IF p_action IN ('approve', 'deny') THEN
        IF jsonb_typeof(p_changes) <> 'object' OR jsonb_typeof(p_changes -> 'message') NOT IN ('string', 'null')
            OR p_changes - 'message' <> '{}' THEN
            v_complaint := format('%s takes no changes but a message: {"message": "TEXT"}', p_action);
        END IF;
    ELSIF p_action = 'cancel' AND p_changes ? 'cascade' THEN
        IF p_changes - 'cascade' <> '{}' OR jsonb_typeof(p_changes -> 'cascade') <> 'boolean' THEN
            v_complaint := 'cancel takes no changes but {"cascade": true}';
        END IF;
    ELSIF p_action = 'retry' AND p_changes IS NULL THEN
        v_complaint := NULL;
    ELSIF p_action NOT IN ('edit', 'retry') THEN
        v_complaint := CASE WHEN p_changes IS NOT NULL THEN format('%s takes no changes: edit does', p_action) END;
    ELSIF p_changes IS NULL OR jsonb_typeof(p_changes) <> 'object' OR p_changes = '{}' THEN
        v_complaint := format('%s needs changes: a JSON object with one of %s', p_action, array_to_string(c_keys, ', '));
    ELSE
        SELECT CASE WHEN key IN ('after', 'after_any', 'after_failed', 'after_tree', 'on_unmet', 'input_from')
                THEN format('%s cannot be changed: cancel the task and submit it again, or release it to run it all the same', key)
            ELSE format('%s is not a valid key of a change: expected one of %s', to_json(key),
            array_to_string(c_keys, ', ')) END INTO v_complaint
        FROM jsonb_object_keys(p_changes) AS key WHERE key <> ALL(c_keys) LIMIT 1;
        v_complaint := coalesce(
            v_complaint, first_complaint(jsonb_build_array('{"tool": "any", "prompt": "any"}'::jsonb || p_changes)));
    END IF;
    IF v_complaint IS NOT NULL THEN
        RAISE EXCEPTION '%', v_complaint USING ERRCODE = 'LD400';
    END IF;
END
$$;

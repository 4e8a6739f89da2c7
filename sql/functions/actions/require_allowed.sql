-- INTERNAL require_allowed(action, task): raises LD409 when the state of a task does not allow an action, see
-- refusals(). The caller has locked the task.
CREATE OR REPLACE FUNCTION require_allowed(p_action text, p_task uuid) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_refusal record;
BEGIN
    SELECT * INTO v_refusal FROM refusals(p_action, ARRAY[p_task]);
    IF v_refusal.hint IS NOT NULL THEN
        RAISE EXCEPTION '%', v_refusal.message USING ERRCODE = 'LD409', HINT = v_refusal.hint;
    ELSIF v_refusal.message IS NOT NULL THEN
        RAISE EXCEPTION '%', v_refusal.message USING ERRCODE = 'LD409';
    END IF;
END
$$;

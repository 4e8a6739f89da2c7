-- INTERNAL require_queueable(tasks): refuses tasks that cannot be queued, see submit_tasks(). Returns the tenant of
-- those that name none.
-- Raises LD400 for bad input, 42501 for a tenant that the session may not act for.
CREATE OR REPLACE FUNCTION require_queueable(p_tasks jsonb) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_complaint text;
    v_mine text [] := session_tenants();
    v_tenant text := default_tenant(v_mine);
BEGIN
    IF jsonb_typeof(p_tasks) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'submit_tasks() needs a JSON array of tasks' USING ERRCODE = 'LD400';
    END IF;
    v_complaint := first_complaint(p_tasks);
    IF v_complaint IS NOT NULL THEN
        RAISE EXCEPTION '%', v_complaint USING ERRCODE = 'LD400';
    END IF;
    IF v_mine IS NOT NULL THEN
        PERFORM require_tenants(ARRAY(
            SELECT DISTINCT coalesce(task ->> 'tenant_id', v_tenant) FROM jsonb_array_elements(p_tasks) AS task
        ), v_mine);
    END IF;
    PERFORM require_served(p_tasks);
    PERFORM require_granted(p_tasks);
    IF p_tasks @? '$[*].model ? (@ != null)' THEN
        PERFORM require_models(p_tasks);
    END IF;
    IF p_tasks @? '$[*].retry_on ? (@ != null)' THEN
        PERFORM require_error_classes(ARRAY(
            SELECT DISTINCT name FROM jsonb_array_elements(p_tasks) AS task,
                jsonb_array_elements_text(nullif(task -> 'retry_on', 'null')) AS name
        ));
    END IF;
    IF p_tasks @? '$[*].hooks ? (@ != null)' THEN
        PERFORM require_hooks(p_tasks, v_tenant);
    END IF;
    RETURN v_tenant;
END
$$;

-- INTERNAL require_hooks(tasks): refuses tasks that name a hook which is unknown, hears of all tasks anyway, or selects
-- another tenant. `tenant` is that of tasks that name none. Raises LD400.
CREATE OR REPLACE FUNCTION require_hooks(p_tasks jsonb, p_tenant text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_unknown text := (
        SELECT asked.name
        FROM jsonb_array_elements(p_tasks) AS task,
            jsonb_array_elements_text(nullif(task -> 'hooks', 'null')) AS asked (name)
        WHERE NOT EXISTS (
            SELECT FROM hooks AS h
            WHERE h.name = asked.name AND h.named
                AND coalesce(h.selection ->> 'tenant' = coalesce(task ->> 'tenant_id', p_tenant), true)
        ) LIMIT 1
    );
BEGIN
    IF v_unknown IS NOT NULL THEN
        RAISE EXCEPTION '% is not a hook that a task may name', quote_literal(left(v_unknown, 100))
            USING ERRCODE = 'LD400', HINT = 'expected one under hooks in config.yaml with hears: named';
    END IF;
END
$$;

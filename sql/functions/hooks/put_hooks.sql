-- API put_hooks(host, hooks): makes the hooks of a host's config.yaml known: [{"name", "kind", "target", "events",
-- "selection", "named", "content"}]. Those that this host named before and names no longer are removed, with what was
-- still to be told. A hook that was disabled is on again when something of it changed.
-- Raises LD400 for bad values.
CREATE OR REPLACE FUNCTION put_hooks(p_host text, p_hooks jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF p_hooks = '[]' AND NOT EXISTS (SELECT FROM hooks) THEN
        RETURN;
    END IF;
    WITH removed AS (
        DELETE FROM hooks
        WHERE host = p_host AND name NOT IN (SELECT hook ->> 'name' FROM jsonb_array_elements(p_hooks) AS hook)
        RETURNING name
    )
    DELETE FROM hook_deliveries WHERE hook IN (SELECT name FROM removed);
    INSERT INTO hooks AS h (name, host, kind, target, events, selection, named, content)
    SELECT name, p_host, kind, target, events, coalesce(selection, '{}'), coalesce(named, false),
        coalesce(content, false)
    FROM jsonb_to_recordset(p_hooks) AS given (
        name text, kind text, target text, events text [], selection jsonb, named boolean, content boolean
    ) ORDER BY name
    ON CONFLICT (name) DO UPDATE SET
        host = excluded.host, kind = excluded.kind, target = excluded.target, events = excluded.events,
        selection = excluded.selection, named = excluded.named, content = excluded.content,
        disabled_reason = NULL, failures = 0, resumes_at = NULL
    WHERE (h.host, h.kind, h.target, h.events, h.selection, h.named, h.content) IS DISTINCT FROM (
        excluded.host, excluded.kind, excluded.target, excluded.events, excluded.selection, excluded.named,
        excluded.content
    );
    PERFORM pg_notify('hook_ready', '');
EXCEPTION
    WHEN check_violation OR not_null_violation OR data_exception THEN
        RAISE EXCEPTION 'a hook was not understood: %', sqlerrm USING ERRCODE = 'LD400';
END
$$;

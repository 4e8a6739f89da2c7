-- INTERNAL require_sessions(sessions): refuses to continue sessions that no run of the session's own tenants had.
-- An agent in a foreign session knows what was said there, and may repeat it. A session that no run had is refused like
-- that of another tenant. So nobody can tell one from the other, and a CLI's words for "the last session" open nothing.
-- Cost: one pass over task_runs (2 us a run, on a busy machine), but only for confined roles that name a session.
-- There is no index on purpose, since every run would pay for it at its end. Raises 42501.
CREATE OR REPLACE FUNCTION require_sessions(p_sessions text []) RETURNS void
LANGUAGE plpgsql STABLE
SET enable_seqscan = on
AS $$
DECLARE
    v_mine text [] := session_tenants();
    v_foreign text;
BEGIN
    IF v_mine IS NULL THEN
        RETURN;
    END IF;
    WITH known AS (
        SELECT task_runs.session_id, bool_and(tenant_id = ANY(v_mine)) AS are_mine
        FROM task_runs JOIN tasks ON tasks.id = task_id
        WHERE task_runs.session_id = ANY(p_sessions)
        GROUP BY task_runs.session_id
    )
    SELECT asked INTO v_foreign FROM unnest(p_sessions) AS asked LEFT JOIN known ON session_id = asked
    WHERE are_mine IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% may not go on with session %: no task of its tenants had it', session_name(),
            quote_literal(left(v_foreign, 100))
            USING ERRCODE = 'insufficient_privilege', HINT = 'reply to a task instead: `llmctl reply TASK PROMPT`';
    END IF;
END
$$;

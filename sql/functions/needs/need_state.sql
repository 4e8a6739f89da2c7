-- INTERNAL need_state(kind, needs, status): what the need of a task is when the task that it needs has this status: open
-- (it has not ended), met or unmet. Kinds: succeeded; ended, whatever came of it; failed, but not canceled; tree, see
-- tree_state(). One expression, so that the planner inlines it.
CREATE OR REPLACE FUNCTION need_state(p_kind text, p_needs uuid, p_status text) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN p_kind = 'tree' THEN tree_state(p_needs)
        WHEN p_status NOT IN ('succeeded', 'failed', 'canceled') THEN 'open'
        WHEN p_kind IN ('ended', p_status) THEN 'met'
        ELSE 'unmet'
    END
$$;

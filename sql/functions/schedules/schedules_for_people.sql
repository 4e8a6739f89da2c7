-- INTERNAL schedules_for_people(): returns the rows of inbox() that are about schedules: those that paused themselves, since
-- their tasks fail or a dispatcher cannot read them.
CREATE OR REPLACE FUNCTION schedules_for_people()
RETURNS TABLE (
    kind text, number bigint, group_name text, name text, what text, since timestamptz, verbs text []
)
LANGUAGE sql STABLE
AS $$
    SELECT 'paused', NULL::bigint, NULL::text, s.name, format('schedule %s paused itself: %s', s.name, pause_reason), paused_at,
        ARRAY[format('llmctl schedule show %s', s.name), format('llmctl schedule resume %s', s.name)]
    FROM schedules AS s CROSS JOIN session_tenants() AS mine
    WHERE pause_class IN ('failures', 'unreadable') AND coalesce(s.tenant_id = ANY(mine), true)
$$;

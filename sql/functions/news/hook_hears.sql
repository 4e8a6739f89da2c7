-- INTERNAL hook_hears(hook, type, facts): returns whether a hook is told of an event of this type. `facts` is what can be
-- selected by: tenant, queue, workflow, tool and labels, as far as the event has them. A hook that selects by what an
-- event does not have does not hear it. Labels are compared as text.
-- It is one expression, so that the planner inlines it.
CREATE OR REPLACE FUNCTION hook_hears(p_hook hooks, p_type text, p_facts jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT (p_hook).disabled_reason IS NULL AND p_type = ANY((p_hook).events)
        AND p_facts @> ((p_hook).selection - 'labels')
        AND (NOT (p_hook).selection ? 'labels'
            OR has_labels(coalesce(p_facts -> 'labels', '{}'), (p_hook).selection -> 'labels'))
$$;

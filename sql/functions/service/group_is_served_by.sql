-- INTERNAL group_is_served_by(group, dispatcher, closed): returns whether this dispatcher may run tasks of this group:
-- it was started for the group (or for all), its host is one of the group's (or the group names none), and the group is
-- not among those that it cannot run. These are given, as closed_for() returns them: with a subquery of its own this
-- could not be inlined, and a claim asks for each group.
CREATE OR REPLACE FUNCTION group_is_served_by(
    p_group worker_groups, p_dispatcher dispatchers, p_closed text []
) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT (p_dispatcher.groups IS NULL OR p_group.group_name = ANY(p_dispatcher.groups))
        AND (p_group.hosts IS NULL OR p_dispatcher.host = ANY(p_group.hosts))
        AND p_group.group_name <> ALL(p_closed)
$$;

-- INTERNAL group_is_served_by(group, dispatcher): returns whether this dispatcher may run tasks of this group: it was
-- started for the group (or for all), and its host is one of the group's (or the group names none).
CREATE OR REPLACE FUNCTION group_is_served_by(p_group worker_groups, p_dispatcher dispatchers) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT (p_dispatcher.groups IS NULL OR p_group.group_name = ANY(p_dispatcher.groups))
        AND (p_group.hosts IS NULL OR p_dispatcher.host = ANY(p_group.hosts))
$$;

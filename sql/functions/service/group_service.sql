-- INTERNAL group_service(group, now): returns whether a dispatcher that is at work may run tasks of this group
-- (`served`); and of those that would but cannot, where they are and what they lack, in one text (`closed`), or null.
CREATE OR REPLACE FUNCTION group_service(p_group worker_groups, p_now timestamptz)
RETURNS TABLE (served boolean, closed text)
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(bool_or(c.reason IS NULL), false),
        string_agg(format('on %s: %s', d.host, c.reason), '; ' ORDER BY d.host) FILTER (WHERE c.reason IS NOT NULL)
    FROM dispatchers AS d
    LEFT JOIN closed_groups AS c ON c.dispatcher_id = d.id AND c.group_name = p_group.group_name
    WHERE is_at_work(d, p_now) AND group_is_served_by(p_group, d, '{}')
$$;

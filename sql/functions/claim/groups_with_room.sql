-- INTERNAL groups_with_room(dispatcher, now, most): the groups that a claim of at most so many tasks may use, with
-- their free slots: the `most` best ones of each tool, unless the limit of the tool is full. Also returns their tools,
-- or null.
-- Only lease_tasks() calls this.
CREATE OR REPLACE FUNCTION groups_with_room(
    p_dispatcher dispatchers, p_now timestamptz, p_most integer, OUT groups claimable_group [], OUT open_tools text []
)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    SELECT array_agg((group_name, tool, account_name, free)::claimable_group), array_agg(DISTINCT tool)
    INTO groups, open_tools
    FROM (
        SELECT group_name, tool, account_name, free,
            row_number() OVER (PARTITION BY tool ORDER BY free DESC, group_name) AS place
        FROM worker_groups AS g CROSS JOIN LATERAL (SELECT free_slots(g, p_now) AS free) AS slots
        WHERE current_concurrent < max_concurrent AND free > 0 AND group_is_served_by(g, p_dispatcher)
    ) AS with_room
    WHERE place <= p_most AND NOT EXISTS (
        SELECT FROM concurrency_limits WHERE scope = 'tool:' || tool AND current_concurrent >= max_concurrent
    );
END
$$;

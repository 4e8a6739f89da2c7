-- INTERNAL groups_with_room(dispatcher, now, most): the groups that a claim of at most so many tasks may use, with
-- their free slots: the `most` best ones of each tool, unless the limit of the tool is full. All of them if some model
-- cools down, since the best ones may not take its tasks. Also returns their tools, or null, whether time alone may open
-- a group, and whether a model cools down.
-- Only lease_tasks() calls this.
CREATE OR REPLACE FUNCTION groups_with_room(
    p_dispatcher dispatchers, p_now timestamptz, p_most integer,
    OUT groups claimable_group [], OUT open_tools text [], OUT may_open boolean,
    OUT models_cool boolean
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_closed text [] := closed_for(p_dispatcher.id);
BEGIN
    SELECT array_agg((group_name, tool, account_name, free)::claimable_group) FILTER (WHERE has_room),
        array_agg(DISTINCT tool) FILTER (WHERE has_room), coalesce(bool_or(waits), false), coalesce(bool_or(cools), false)
    INTO groups, open_tools, may_open, models_cool
    FROM (
        SELECT group_name, tool, account_name, free, models_cool_until > p_now AS cools,
            greatest(cooldown_until, models_cool_until) > p_now OR daily_budget_usd IS NOT NULL AS waits,
            current_concurrent < max_concurrent AND free > 0 AND group_is_served_by(g, p_dispatcher, v_closed) AND NOT EXISTS (
                SELECT FROM concurrency_limits
                WHERE scope = 'tool:' || tool AND concurrency_limits.current_concurrent >= concurrency_limits.slots
            ) AS has_room
        FROM worker_groups AS g CROSS JOIN LATERAL (SELECT free_slots(g, p_now) AS free) AS slots
        OFFSET 0
    ) AS known;
    IF cardinality(groups) > p_most AND NOT models_cool THEN
        SELECT array_agg((group_name, tool, account_name, free)::claimable_group), array_agg(DISTINCT tool)
        INTO groups, open_tools
        FROM (
            SELECT *, row_number() OVER (PARTITION BY tool ORDER BY free DESC, group_name COLLATE "C") AS place
            FROM unnest(groups)
        ) AS with_room
        WHERE place <= p_most;
    END IF;
END
$$;

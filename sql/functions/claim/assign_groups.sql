-- INTERNAL assign_groups(dispatcher, now, lane, resumes, groups, cooling): gives each task that was taken from a lane to a
-- group: the one of the session that the task goes on with, if that has room, else the one with most free slots.
-- `resumes` has an element for each task: the run with its session, or null. `groups` are those that may take tasks of
-- the lane, and `cooling` those that may not, since its model cools there.
-- Returns `groups` with the slots that are free now, the name of the group of each task, and what this filled:
-- accounts, written as account_has_room() knows them.
-- A pinned account may be missing in `groups`, which has the best ones only, and so may the group of a session: it is
-- added when it is needed. Tasks without a session are assigned together.
-- Only pick_tasks() and pick_only_lane() call this.
CREATE OR REPLACE FUNCTION assign_groups(
    p_dispatcher dispatchers, p_now timestamptz, p_lane candidate_lane, p_resumes uuid [],
    INOUT groups claimable_group [], p_cooling text [] DEFAULT '{}', OUT group_names text [], OUT filled text []
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_next integer := 1;
    v_together integer;
    v_home text;
    v_place integer;
BEGIN
    filled := '{}';
    IF cardinality(groups) = 1 AND p_lane.account IS NULL AND array_remove(p_resumes, NULL) = '{}' THEN
        -- room_in_lane() allowed no more than it has room for.
        group_names := array_fill(groups[1].group_name, ARRAY[cardinality(p_resumes)]);
        groups[1].free := groups[1].free - cardinality(p_resumes);
        IF groups[1].free = 0 THEN
            filled := ARRAY['account:' || p_lane.tool || chr(31) || groups[1].account_name];
        END IF;
        RETURN;
    END IF;
    WHILE v_next <= cardinality(p_resumes) LOOP
        v_home := NULL;
        v_together := 1;
        IF p_resumes[v_next] IS NOT NULL THEN
            SELECT group_name INTO v_home FROM task_runs
            WHERE id = p_resumes[v_next] AND work_dir_id = p_dispatcher.work_dir_id;
        ELSE
            WHILE v_next + v_together <= cardinality(p_resumes) AND p_resumes[v_next + v_together] IS NULL LOOP
                v_together := v_together + 1;
            END LOOP;
        END IF;
        IF p_lane.account IS NOT NULL OR v_home IS NOT NULL THEN
            -- next_lane() saw a free slot of a pinned account. A report may have stopped the account since then.
            groups := groups || ARRAY(
                SELECT (
                    group_name, tool, account_name,
                    greatest(free_slots(g, p_now), (p_lane.account IS NOT NULL)::integer)
                )::claimable_group
                FROM worker_groups AS g
                WHERE group_name = coalesce((
                        SELECT group_name FROM worker_groups WHERE tool = p_lane.tool AND account_name = p_lane.account
                    ), v_home)
                    AND group_name <> ALL(p_cooling)
                    AND tool = p_lane.tool AND group_is_served_by(g, p_dispatcher, (SELECT closed_for(p_dispatcher.id)))
                    AND group_name <> ALL(ARRAY(SELECT known.group_name FROM unnest(groups) AS known))
            );
        END IF;
        -- One after the other would each take a slot of the group that has most: the slots by how many are free then.
        FOREACH v_place IN ARRAY ARRAY(
            SELECT place
            FROM unnest(groups) WITH ORDINALITY AS g (group_name, tool, account_name, free, place)
            CROSS JOIN generate_series(greatest(free - v_together + 1, 1), free) AS free_then
            WHERE tool = p_lane.tool AND (p_lane.account IS NULL OR account_name = p_lane.account)
            ORDER BY coalesce(group_name = v_home, false) DESC, free_then DESC, group_name COLLATE "C"
            LIMIT v_together
        ) LOOP
            groups[v_place].free := groups[v_place].free - 1;
            group_names := group_names || groups[v_place].group_name;
            IF groups[v_place].free = 0 THEN
                filled := filled || ('account:' || p_lane.tool || chr(31) || groups[v_place].account_name);
            END IF;
        END LOOP;
        v_next := v_next + v_together;
    END LOOP;
END
$$;

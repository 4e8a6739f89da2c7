-- INTERNAL group_problems(tool, account, now): returns whether a worker group of that tool (and of that account, if
-- the task pins one) is open, and in one text what is in the way in each of the others. Both are null if there is no
-- such group. STABLE, since why_waiting() is; nothing else calls this.
CREATE OR REPLACE FUNCTION group_problems(
    p_tool text, p_account text, p_now timestamptz, OUT any_open boolean, OUT problems text
)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    SELECT bool_or(problem IS NULL), string_agg(group_name || ' ' || problem, '; ' ORDER BY group_name)
    INTO any_open, problems
    FROM worker_groups AS g CROSS JOIN LATERAL group_service(g, p_now) CROSS JOIN LATERAL (
        SELECT CASE
            WHEN paused THEN 'is paused' || coalesce(' (' || pause_reason || ')', '')
            WHEN cooldown_until > p_now THEN format('cools down for %s', in_words(cooldown_until - p_now))
                || coalesce(' (' || cooldown_reason || ')', '')
            WHEN spent_today(g, p_now) >= daily_budget_usd
                THEN format('has spent its budget of the day ($%s of $%s), goes on in %s',
                    round(spent_usd, 2), round(daily_budget_usd, 2), in_words(next_day(p_now) - p_now))
            WHEN NOT served AND closed IS NOT NULL
                THEN format('cannot run %s (`llmctl group resume %s` tries again)', closed, group_name)
            WHEN NOT served THEN 'is served by no running dispatcher'
            WHEN unproven AND free_slots(g, p_now) = 0 AND current_concurrent < max_concurrent
                THEN 'tries one task first, after its cool-down'
            WHEN current_concurrent >= max_concurrent THEN format('is full (%s/%s)', current_concurrent, max_concurrent)
        END AS problem
    ) AS looked_at
    WHERE tool = p_tool AND (p_account IS NULL OR account_name = p_account);
END
$$;

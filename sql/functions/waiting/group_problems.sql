-- INTERNAL group_problems(tool, account, model, now): returns whether a worker group of that tool (and of that account,
-- if the task pins one) is open for that model, and in one text what is in the way in each of the others. Both are null
-- if there is no such group. STABLE, since why_waiting() is; nothing else calls this.
CREATE OR REPLACE FUNCTION group_problems(
    p_tool text, p_account text, p_model text, p_now timestamptz, OUT any_open boolean, OUT problems text
)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    SELECT bool_or(problem IS NULL), string_agg(g.group_name || ' ' || problem, '; ' ORDER BY g.group_name)
    INTO any_open, problems
    FROM worker_groups AS g CROSS JOIN LATERAL group_service(g, p_now)
    LEFT JOIN model_cooldowns AS limited
        ON limited.group_name = g.group_name AND limited.model = coalesce(p_model, '') AND limited.cools_until > p_now
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN paused THEN 'is paused' || coalesce(' (' || pause_reason || ')', '')
            WHEN cooldown_until > p_now AND cooldown_class = 'overloaded' THEN format(
                'is held back: the service of %s is overloaded, next try in %s', tool, in_words(cooldown_until - p_now))
            WHEN cooldown_until > p_now THEN format('cools down for %s', in_words(cooldown_until - p_now))
                || coalesce(' (' || cooldown_reason || ')', '')
            WHEN limited.cools_until IS NOT NULL THEN format('has reached its usage limit of %s, goes on with that in %s',
                model_in_words(limited.model), in_words(limited.cools_until - p_now))
            WHEN spent_today(g, p_now) >= daily_budget_usd
                THEN format('has spent its budget of the day ($%s of $%s), goes on in %s',
                    round(spent_usd, 2), round(daily_budget_usd, 2), in_words(next_day(p_now) - p_now))
            WHEN NOT served AND closed IS NOT NULL
                THEN format('cannot run %s (`llmctl group resume %s` tries again)', closed, g.group_name)
            WHEN NOT served THEN 'is served by no running dispatcher'
            WHEN unproven AND free_slots(g, p_now) = 0 AND current_concurrent < max_concurrent
                THEN CASE cooldown_class WHEN 'overloaded' THEN 'tries one task first, to see if its service is back'
                    ELSE 'tries one task first, after its cool-down' END
            WHEN current_concurrent >= max_concurrent THEN format('is full (%s/%s)', current_concurrent, max_concurrent)
        END AS problem
    ) AS looked_at
    WHERE tool = p_tool AND (p_account IS NULL OR account_name = p_account);
END
$$;

-- INTERNAL groups_for_people(): returns the rows of inbox() that are about worker groups: those that a refused login, an
-- empty account or a person paused, those that their hosts cannot run, and those that have spent the budget of the day.
CREATE OR REPLACE FUNCTION groups_for_people()
RETURNS TABLE (
    kind text, number bigint, group_name text, name text, what text, since timestamptz, verbs text []
)
LANGUAGE sql STABLE
AS $$
    SELECT found.kind, NULL::bigint, g.group_name, g.tool, CASE
            WHEN found.kind = 'over_budget' THEN format('has spent $%s of $%s today, goes on in %s',
                round(spent, 2), round(daily_budget_usd, 2), in_words(next_day(clock()) - clock()))
            WHEN paused THEN coalesce(pause_reason, 'paused by somebody')
            ELSE 'cannot run ' || closed
        END,
        g.updated_at, CASE found.kind
            WHEN 'over_budget' THEN ARRAY[format('llmctl group set %s --daily-budget USD', g.group_name)]
            WHEN 'login' THEN ARRAY[
                format('llmctl group check %s', g.group_name), format('llmctl group resume %s', g.group_name)]
            ELSE ARRAY[format('llmctl group resume %s', g.group_name)]
        END
    FROM worker_groups AS g CROSS JOIN LATERAL spent_today(g, clock()) AS spent
    CROSS JOIN LATERAL group_service(g, clock())
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN paused AND pause_class = 'auth' THEN 'login'
            WHEN paused AND pause_class = 'no_credit' THEN 'no_credit'
            WHEN paused OR NOT served AND closed IS NOT NULL THEN 'paused'
            WHEN spent >= daily_budget_usd THEN 'over_budget'
        END AS kind
    ) AS found
    WHERE found.kind IS NOT NULL
$$;

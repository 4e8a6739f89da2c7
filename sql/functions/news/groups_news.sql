-- TRIGGER groups_news(): tells others that a worker group was paused, cools down, or has used 80 % of its budget of the
-- day. The conditions of its triggers keep other updates from calling it; the argument of the trigger is the event.
CREATE OR REPLACE FUNCTION groups_news() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM file_news(
        tg_argv[0], 'group:' || new.group_name,
        jsonb_build_object('group', jsonb_build_object(
            'name', new.group_name, 'tool', new.tool, 'account', new.account_name
        ) || CASE tg_argv[0]
            WHEN 'group.paused' THEN jsonb_build_object('reason', new.pause_reason, 'error_class', new.pause_class)
            WHEN 'group.cooled' THEN jsonb_build_object(
                'reason', new.cooldown_reason, 'error_class', new.cooldown_class, 'until', new.cooldown_until)
            ELSE jsonb_build_object('spent_usd', new.spent_usd, 'daily_budget_usd', new.daily_budget_usd)
        END), jsonb_build_object('tool', new.tool));
    RETURN NULL;
END
$$;

-- INTERNAL what_is_limited(group, model, now): returns what a parked task of that model waits for, for people: its account,
-- or the model on that account if only that has reached its limit: "opus of claude-main".
CREATE OR REPLACE FUNCTION what_is_limited(p_group text, p_model text, p_now timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT coalesce((
        SELECT model_in_words(model) || ' of ' FROM model_cooldowns JOIN worker_groups AS g USING (group_name)
        WHERE group_name = p_group AND model = coalesce(p_model, '') AND cools_until > p_now
            AND coalesce(cooldown_until <= p_now, true)
    ), '') || coalesce(p_group, 'the account')
$$;

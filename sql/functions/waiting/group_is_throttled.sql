-- INTERNAL group_is_throttled(group, now): returns the end of a sentence about a task that was throttled: that its account
-- has been so for long, see is_throttled(). An empty text if it has not.
CREATE OR REPLACE FUNCTION group_is_throttled(p_group text, p_now timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT coalesce((
        SELECT format('; %s is %s', group_name, throttled_in_words(g, p_now)) FROM worker_groups AS g
        WHERE group_name = p_group AND is_throttled(g, p_now)
    ), '')
$$;

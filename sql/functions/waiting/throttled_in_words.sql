-- INTERNAL throttled_in_words(group, now): returns since when all runs of a group were throttled, and what to do about it.
CREATE OR REPLACE FUNCTION throttled_in_words(p_group worker_groups, p_now timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT format(
        'throttled for %s, in all of its last %s runs: give it fewer slots (`llmctl group set %s --max N`), '
        'or add another account',
        in_words(p_now - (p_group).throttled_since), (p_group).throttled_runs, (p_group).group_name)
$$;

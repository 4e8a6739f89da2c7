-- API change_group(group, …): changes what is given of a worker group and leaves the rest. env_vars is merged into the
-- present variables; null as the value of a variable removes it. A budget of 0 removes the budget. Parked tasks that
-- the group may take are ready again, since it may have room for them now.
-- Locks: claim lock, counters lock (exclusive), the group, parked tasks (SKIP LOCKED).
-- Raises LD404, and LD400 for bad values.
CREATE OR REPLACE FUNCTION change_group(
    p_group text, p_max_concurrent integer DEFAULT NULL, p_env_vars jsonb DEFAULT NULL,
    p_config_home text DEFAULT NULL, p_hosts text [] DEFAULT NULL, p_failover boolean DEFAULT NULL,
    p_daily_budget_usd double precision DEFAULT NULL, p_task_budget_usd double precision DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM lock_limits();
    PERFORM require_group(p_group);
    IF p_max_concurrent < 0 THEN
        RAISE EXCEPTION '% is not a valid limit: expected 0 or more', p_max_concurrent USING ERRCODE = 'LD400';
    ELSIF least(p_daily_budget_usd, p_task_budget_usd) < 0 THEN
        RAISE EXCEPTION '% is not a valid budget: expected more than 0, or 0 for none',
            least(p_daily_budget_usd, p_task_budget_usd) USING ERRCODE = 'LD400';
    END IF;
    PERFORM require_budgets(p_daily_budget_usd, p_task_budget_usd);
    UPDATE worker_groups SET
        max_concurrent = coalesce(p_max_concurrent, max_concurrent),
        env_vars = jsonb_strip_nulls(env_vars || coalesce(p_env_vars, '{}')),
        config_home = coalesce(p_config_home, config_home),
        hosts = coalesce(p_hosts, hosts),
        failover = coalesce(p_failover, failover),
        daily_budget_usd = nullif(coalesce(p_daily_budget_usd::numeric, daily_budget_usd), 0),
        task_budget_usd = nullif(coalesce(p_task_budget_usd::numeric, task_budget_usd), 0),
        updated_at = clock()
    WHERE group_name = p_group;
    PERFORM release_parked(p_group);
EXCEPTION
    WHEN check_violation THEN
        RAISE EXCEPTION 'the variables of worker group % must be text', quote_literal(p_group)
            USING ERRCODE = 'LD400', DETAIL = sqlerrm;
END
$$;

-- API put_group(group, tool, account, max_concurrent, …): creates a worker group, or changes it to what is given. With
-- only_new, an existing group is an error. What runs in the group goes on, and counters stay. A new group for an account
-- whose group was removed today goes on with what that has spent. Parked tasks of the tool that a new or changed group
-- may take are ready again.
-- Locks: claim lock, counters lock (exclusive), the group, parked tasks (SKIP LOCKED).
-- Raises LD400 for bad values, and LD409 when the group exists or its account has another group.
CREATE OR REPLACE FUNCTION put_group(
    p_group text, p_tool text, p_account text, p_max_concurrent integer DEFAULT 1, p_env_vars jsonb DEFAULT '{}',
    p_config_home text DEFAULT NULL, p_hosts text [] DEFAULT NULL, p_only_new boolean DEFAULT false,
    p_failover boolean DEFAULT true, p_daily_budget_usd double precision DEFAULT NULL,
    p_task_budget_usd double precision DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_rival text;
BEGIN
    PERFORM lock_limits();
    IF NOT EXISTS (SELECT FROM tools WHERE name = p_tool) THEN
        RAISE EXCEPTION 'unknown tool %; known are %', quote_literal(p_tool),
            (SELECT string_agg(name, ', ' ORDER BY name) FROM tools) USING ERRCODE = 'LD400';
    END IF;
    SELECT group_name INTO v_rival FROM worker_groups
    WHERE tool = p_tool AND account_name = p_account AND (group_name <> p_group OR p_only_new);
    IF FOUND THEN
        RAISE EXCEPTION 'account % of % has a worker group already: %',
            quote_literal(p_account), p_tool, quote_literal(v_rival) USING ERRCODE = 'LD409';
    ELSIF p_only_new AND EXISTS (SELECT FROM worker_groups WHERE group_name = p_group) THEN
        RAISE EXCEPTION 'there is a worker group % already', quote_literal(p_group) USING ERRCODE = 'LD409';
    END IF;
    PERFORM require_budgets(p_daily_budget_usd, p_task_budget_usd);
    INSERT INTO worker_groups (
        group_name, tool, account_name, max_concurrent, env_vars, config_home, hosts, failover, daily_budget_usd,
        task_budget_usd, spent_on, spent_usd
    )
    SELECT
        p_group, p_tool, p_account, p_max_concurrent, p_env_vars, p_config_home, p_hosts, p_failover,
        p_daily_budget_usd, p_task_budget_usd, removed.spent_on, coalesce(removed.spent_usd, 0)
    FROM (SELECT) AS one LEFT JOIN removed_spending AS removed
        ON removed.tool = p_tool AND removed.account_name = p_account
    ON CONFLICT (group_name) DO UPDATE SET
        tool = excluded.tool, account_name = excluded.account_name, max_concurrent = excluded.max_concurrent,
        env_vars = excluded.env_vars, config_home = excluded.config_home, hosts = excluded.hosts,
        failover = excluded.failover, daily_budget_usd = excluded.daily_budget_usd,
        task_budget_usd = excluded.task_budget_usd, updated_at = clock()
    WHERE (
        worker_groups.tool, worker_groups.account_name, worker_groups.max_concurrent, worker_groups.env_vars,
        worker_groups.config_home, worker_groups.hosts, worker_groups.failover, worker_groups.daily_budget_usd,
        worker_groups.task_budget_usd
    ) IS DISTINCT FROM (
        excluded.tool, excluded.account_name, excluded.max_concurrent, excluded.env_vars,
        excluded.config_home, excluded.hosts, excluded.failover, excluded.daily_budget_usd,
        excluded.task_budget_usd
    );
    IF FOUND THEN
        PERFORM release_parked(p_group);
    END IF;
EXCEPTION
    WHEN check_violation OR not_null_violation THEN
        RAISE EXCEPTION '% is not a valid worker group: expected a name that begins with a letter or digit, an account, '
            'a limit of 0 or more, budgets above 0, and variables that are text', quote_nullable(p_group)
            USING ERRCODE = 'LD400', DETAIL = sqlerrm;
END
$$;

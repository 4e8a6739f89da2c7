-- list_groups(): worker groups with their slots and what keeps them from taking work, if anything. A producer sees
-- neither the variables of a group nor where its login is.
CREATE OR REPLACE FUNCTION list_groups()
RETURNS TABLE (
    group_name text, tool text, account_name text, current_concurrent integer, max_concurrent integer,
    queued bigint, state text, cooldown_s double precision, reason text, hosts text [], config_home text,
    env_vars jsonb
)
LANGUAGE sql VOLATILE
AS $$
    SELECT g.group_name, g.tool, g.account_name, current_concurrent, max_concurrent,
        (
            SELECT count(*) FROM tasks
            WHERE status = 'queued' AND tasks.tool = g.tool
                AND (tasks.account IS NULL OR tasks.account = g.account_name)
        ),
        CASE
            WHEN paused THEN 'paused'
            WHEN cooldown_until > clock() THEN 'cooling'
            WHEN current_concurrent >= max_concurrent THEN 'full'
            ELSE 'open'
        END,
        CASE WHEN cooldown_until > clock() THEN extract(EPOCH FROM cooldown_until - clock())::double precision END,
        CASE WHEN paused THEN pause_reason WHEN cooldown_until > clock() THEN cooldown_reason END,
        hosts, CASE WHEN mine IS NULL THEN config_home END, CASE WHEN mine IS NULL THEN env_vars ELSE '{}' END
    FROM worker_groups AS g, session_tenants() AS mine ORDER BY g.tool, g.group_name
$$;

-- INTERNAL require_granted(tasks): refuses tasks, as given to submit_tasks(), that ask for something which each dispatcher
-- at work that serves them refuses: to run a command that the task brings, or the permission full. While no dispatcher is
-- at work, or one has not said what it refuses, they may wait.
-- Cost: for the few tasks that ask for either, the dispatchers and groups are read once for each tool and account.
-- Raises LD400.
CREATE OR REPLACE FUNCTION require_granted(p_tasks jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_full CONSTANT text := 'full';
    bad record;
BEGIN
    IF NOT p_tasks @? '$[*] ? (@.setup_command > "" || @.check_command > "" || @.permission == "full")' THEN
        RETURN;
    END IF;
    SELECT asked.option, asked.wanted, asked.tool, refusing.hosts INTO bad
    FROM (
        SELECT DISTINCT task ->> 'tool' AS tool, task ->> 'account' AS account, wish.wanted, wish.option
        FROM jsonb_array_elements(p_tasks) AS task, LATERAL (VALUES
            ('commands', '--setup', task ->> 'setup_command' <> ''),
            ('commands', '--check', task ->> 'check_command' <> ''),
            (c_full, '--permission full', task ->> 'permission' = c_full)
        ) AS wish (wanted, option, is_wanted)
        WHERE wish.is_wanted
    ) AS asked
    CROSS JOIN LATERAL (
        SELECT bool_and(coalesce(asked.wanted = ANY(d.refuses), false)) AS by_all,
            string_agg(DISTINCT d.host, ', ' ORDER BY d.host) AS hosts
        FROM dispatchers AS d
        WHERE is_at_work(d, clock()) AND EXISTS (
            SELECT FROM worker_groups AS g
            WHERE g.tool = asked.tool AND (asked.account IS NULL OR g.account_name = asked.account)
                AND group_is_served_by(g, d, '{}')
        )
    ) AS refusing
    WHERE refusing.by_all
    ORDER BY asked.wanted, asked.option
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF bad.wanted = c_full THEN
        RAISE EXCEPTION 'the task asks for permission full, which no dispatcher for % grants (at work: on %)', bad.tool, bad.hosts
            USING ERRCODE = 'LD400', HINT = 'write `security: {allow_dangerous_flags: true}` into config.yaml there and '
                || 'start `dispatcher run` again, or submit it with --permission edit';
    END IF;
    RAISE EXCEPTION 'the task brings a command (%), which no dispatcher for % runs (at work: on %)',
        bad.option, bad.tool, bad.hosts
        USING ERRCODE = 'LD400', HINT = 'write `security: {allow_commands: true}` into config.yaml there and start '
            || '`dispatcher run` again, or write the command below `repositories:` there';
END
$$;

-- INTERNAL require_served(tasks): refuses tasks, as given to submit_tasks(), if no worker group could ever run one of
-- them. In a database without any group they may wait: it is new, and its first dispatcher makes the groups.
-- Raises LD400.
CREATE OR REPLACE FUNCTION require_served(p_tasks jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    bad record;
BEGIN
    IF jsonb_array_length(p_tasks) = 1 AND EXISTS (
        SELECT FROM worker_groups WHERE tool = p_tasks -> 0 ->> 'tool'
            AND (p_tasks -> 0 ->> 'account' IS NULL OR account_name = p_tasks -> 0 ->> 'account')
    ) THEN
        RETURN;
    END IF;
    SELECT tool, account, EXISTS (SELECT FROM tools WHERE name = tool) AS known INTO bad
    FROM (
        SELECT DISTINCT task ->> 'tool' AS tool, task ->> 'account' AS account FROM jsonb_array_elements(p_tasks) AS task
    ) AS named
    WHERE NOT EXISTS (SELECT FROM tools WHERE name = named.tool)
        OR EXISTS (SELECT FROM worker_groups) AND NOT EXISTS (
            SELECT FROM worker_groups AS worker_group
            WHERE worker_group.tool = named.tool
                AND (named.account IS NULL OR worker_group.account_name = named.account)
        )
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF NOT bad.known THEN
        RAISE EXCEPTION 'unknown tool %; known are %', quote_literal(bad.tool),
            (SELECT string_agg(name, ', ' ORDER BY name) FROM tools)
            USING ERRCODE = 'LD400',
                HINT = 'describe a tool of your own under "tools:" in config.yaml and run `dispatcher migrate`';
    END IF;
    RAISE EXCEPTION 'no worker group serves tool %', bad.tool || coalesce(
        ' with account ' || quote_literal(bad.account) || '; its accounts are ' || (
            SELECT string_agg(account_name, ', ' ORDER BY account_name) FROM worker_groups WHERE tool = bad.tool),
        '; groups exist for ' || (SELECT string_agg(DISTINCT tool, ', ' ORDER BY tool) FROM worker_groups))
        USING ERRCODE = 'LD400',
            HINT = format('add one: `llmctl group add %s %s --max 1`', bad.tool, coalesce(bad.account, 'main'));
END
$$;

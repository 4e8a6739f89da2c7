-- require_served(tool, account): refuses a task that nobody could ever run.
-- A database without any group is a fresh one, whose first dispatcher will make them: there the task may wait.
-- Raises LD400.
CREATE OR REPLACE FUNCTION require_served(p_tool text, p_account text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tools WHERE name = p_tool) THEN
        RAISE EXCEPTION 'unknown tool %; known are %', quote_literal(p_tool),
            (SELECT string_agg(name, ', ' ORDER BY name) FROM tools)
            USING ERRCODE = 'LD400',
                HINT = 'describe a tool of your own under "tools:" in config.yaml and run `dispatcher migrate`';
    END IF;
    IF EXISTS (SELECT FROM worker_groups) AND NOT EXISTS (
        SELECT FROM worker_groups WHERE tool = p_tool AND (p_account IS NULL OR account_name = p_account)
    ) THEN
        RAISE EXCEPTION 'no worker group serves tool %', p_tool || coalesce(
            ' with account ' || quote_literal(p_account) || '; its accounts are ' || (
                SELECT string_agg(account_name, ', ' ORDER BY account_name) FROM worker_groups WHERE tool = p_tool),
            '; groups exist for ' || (SELECT string_agg(DISTINCT tool, ', ' ORDER BY tool) FROM worker_groups))
            USING ERRCODE = 'LD400',
                HINT = format('add one: `llmctl group add %s %s --max 1`', p_tool, coalesce(p_account, 'main'));
    END IF;
END
$$;

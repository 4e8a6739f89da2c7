-- API list_tasks(select, limit): returns the tasks of a selection in the order in which they interest people: active
-- ones (the longest first), then those that wait (by priority and age, and then by their time), then those that have
-- ended (last first). Lengths of time are in seconds. why is given for queued tasks only. waits_s is how long until a
-- task that waits for a time is ready. wait_reason is that of the task, or budget, see waits_for_budget(). attempt is
-- the one that runs, comes next, or was the last, and failures are the attempts used up. account is the one that the
-- task asks for. activity is what an active task's agent does, where its CLI reports it. silent_s is for how long the
-- agent has printed nothing. actions is what this session may do with the task now, see allowed_actions(). check_verdict
-- is how the check of its last run ended, and changed_files, insertions and deletions what was recorded of that run.
-- proven says of a task that succeeded whether anything shows that: the output of its tool, or a check that passed.
--   SELECT number, why FROM list_tasks('{"states": ["waiting"], "tool": "claude"}');
-- What is listed is sorted truly. Where there are more tasks than the list holds, it may hold others than a full sort
-- would: of ready ones it takes the urgent and the oldest, of ended ones that a filter finds rarely the newest.
-- Cost: flat in the number of tasks; see first_of_interest() for what is not.
-- Raises LD400 and LD404, see read_selection(), and LD400 for a limit below 1.
CREATE OR REPLACE FUNCTION list_tasks(p_select jsonb DEFAULT '{}', p_limit integer DEFAULT 50)
RETURNS TABLE (
    number bigint, id uuid, status text, wait_reason text, why text, waits_s double precision, tool text,
    account text, model text, group_name text, tenant_id text, queue text, priority smallint, name text, labels jsonb,
    attempt integer, failures integer, max_attempts integer, age_s double precision, elapsed_s double precision,
    tokens bigint, cost_usd numeric, permission text, created_at timestamptz, started_at timestamptz,
    finished_at timestamptz, error_class text, error_message text, activity text, silent_s double precision,
    actions text [], check_verdict text, changed_files integer, insertions bigint, deletions bigint,
    proven boolean, workflow text, title text
)
LANGUAGE plpgsql STABLE
SET jit = off
AS $$
BEGIN
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION '% is not a valid limit: expected a number above 0', coalesce(p_limit::text, 'null')
            USING ERRCODE = 'LD400';
    END IF;
    -- first_fitting() looks for one more.
    RETURN QUERY SELECT * FROM listed_tasks(first_of_interest(read_selection(p_select), least(p_limit, 1000000)));
END
$$;

-- API metrics(): returns everything that /metrics shows, as one JSON object: a key for each family, whose value is an
-- array of samples. Counters never fall: not with a restart, nor with several dispatchers, nor when tasks are deleted.
-- No sample names a task, a prompt, a path or a tenant. Tasks have the queues with most unfinished tasks, and 'other'.
-- A session that is confined to tenants sees the tasks of these, and how long they wait, and nothing of accounts, runs,
-- limits and dispatchers, which it shares with others.
-- Cost: that of the kinds of tasks, queues, groups and limits that there are, however many tasks.
CREATE OR REPLACE FUNCTION metrics() RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM fold_tallies();
    RETURN task_metrics() || CASE
        WHEN session_tenants() IS NULL THEN site_metrics() || run_metrics()
        ELSE '{}'
    END;
END
$$;

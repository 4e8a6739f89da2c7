-- INTERNAL task_in_news(task, content): returns what others are told of a task: never its prompt, and what its agent wrote
-- only with `content`, each cut to 64 Ki characters. Cost and tokens are those of all its runs.
CREATE OR REPLACE FUNCTION task_in_news(p_task uuid, p_content boolean) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'number', number, 'id', id, 'name', name, 'labels', labels, 'state', status, 'wait_reason', wait_reason,
        'tool', tool, 'account', account, 'model', model, 'tenant', tenant_id, 'queue', queue, 'workflow', workflow,
        'error_class', error_class, 'error_message', error_message, 'runs', run_no,
        'cost_usd', spent.cost_usd, 'tokens', spent.tokens,
        'created_at', created_at, 'started_at', started_at, 'finished_at', finished_at
    ) || CASE WHEN p_content THEN jsonb_build_object(
        'prompt', left(prompt, 65536), 'answer', left(result ->> 'text', 65536), 'question', left(question, 65536)
    ) ELSE '{}' END
    FROM tasks CROSS JOIN LATERAL (
        SELECT sum(cost_usd) AS cost_usd, sum(tokens_used) AS tokens FROM task_runs WHERE task_id = tasks.id
    ) AS spent
    WHERE id = p_task
$$;

-- INTERNAL task_keys(): returns all keys of a task as it is submitted, each with the kind of its value, see
-- complaint_about().
CREATE OR REPLACE FUNCTION task_keys() RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT '{
        "tool": "text", "prompt": "prompt", "model": "argument", "fallback_model": "argument", "account": "word",
        "tenant_id": "word", "queue": "word", "priority": "priority", "name": "text", "labels": "object",
        "input_files": "input files", "output_files": "output files", "permission": ["read", "edit", "full"],
        "workdir": "text", "timeout_s": "count", "stall_timeout_s": "count", "max_attempts": "count",
        "backoff_s": "seconds", "retry_on": "error classes", "scheduled_at": "moment", "delay_s": "seconds",
        "idempotency_key": "key", "session_id": "session", "hold": "flag",
        "repository": "repository", "ref": "ref", "no_changes": ["succeed", "fail"],
        "setup_command": "command", "check_command": "command", "setup_timeout_s": "count", "check_timeout_s": "count",
        "approve": "flag", "workflow": "word", "step": "step",
        "after": "tasks", "after_any": "tasks", "after_failed": "tasks", "after_tree": "tasks",
        "on_unmet": ["hold", "fail", "skip"], "input_from": "files of tasks",
        "hooks": "hooks", "spawns": "file", "spawn_limits": "spawn limits"
    }'::jsonb
$$;

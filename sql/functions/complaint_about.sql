-- complaint_about(task): what is wrong with a task as given to submit_tasks(), as a sentence that a person can act
-- on; null when nothing is. It looks at one JSON object and at no table.
CREATE OR REPLACE FUNCTION complaint_about(p_task jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN jsonb_typeof(p_task) <> 'object' THEN 'a task is a JSON object, not ' || jsonb_typeof(p_task)
        WHEN p_task - ARRAY[
            'tool', 'prompt', 'model', 'account', 'tenant_id', 'queue', 'priority', 'name', 'labels', 'input_files',
            'output_files', 'permission', 'workdir', 'timeout_s', 'stall_timeout_s', 'max_attempts', 'backoff_s',
            'scheduled_at', 'delay_s', 'idempotency_key', 'session_id'
        ] <> '{}' THEN 'unknown key ' || (
            SELECT quote_literal(min(key)) FROM jsonb_object_keys(p_task - ARRAY[
                'tool', 'prompt', 'model', 'account', 'tenant_id', 'queue', 'priority', 'name', 'labels',
                'input_files', 'output_files', 'permission', 'workdir', 'timeout_s', 'stall_timeout_s',
                'max_attempts', 'backoff_s', 'scheduled_at', 'delay_s', 'idempotency_key', 'session_id'
            ]) AS key)
        WHEN coalesce(p_task ->> 'tool', '') = '' THEN 'a task needs a tool'
        WHEN coalesce(p_task ->> 'prompt', '') = '' THEN 'a task needs a prompt that is not empty'
        WHEN NOT coalesce((p_task ->> 'priority') ~ '^[1-9]$', true)
            THEN 'priority is a number from 1 to 9 (9 is first), not ' || (p_task ->> 'priority')
        WHEN NOT coalesce((p_task ->> 'permission') IN ('read', 'edit', 'full'), true)
            THEN 'permission is read, edit or full, not ' || (p_task ->> 'permission')
        WHEN NOT coalesce((p_task ->> 'timeout_s') ~ '^0*[1-9][0-9]{0,8}$', true)
            THEN 'timeout_s is a whole number of seconds above 0, not ' || (p_task ->> 'timeout_s')
        WHEN NOT coalesce((p_task ->> 'stall_timeout_s') ~ '^0*[1-9][0-9]{0,8}$', true)
            THEN 'stall_timeout_s is a whole number of seconds above 0, not ' || (p_task ->> 'stall_timeout_s')
        WHEN NOT coalesce((p_task ->> 'max_attempts') ~ '^0*[1-9][0-9]{0,5}$', true)
            THEN 'max_attempts is a whole number above 0, not ' || (p_task ->> 'max_attempts')
        WHEN p_task ->> 'scheduled_at' IS NOT NULL AND p_task ->> 'delay_s' IS NOT NULL
            THEN 'give scheduled_at or delay_s, not both'
        WHEN p_task ->> 'idempotency_key' = '' THEN 'an idempotency key must not be empty'
        WHEN coalesce(p_task ->> 'tenant_id', '-') || coalesce(p_task ->> 'queue', '-')
            || coalesce(p_task ->> 'account', '-') || coalesce(p_task ->> 'model', '-') ~ '[[:cntrl:]]'
            THEN 'names of tenants, queues, accounts and models hold no control characters'
        WHEN '' IN (p_task ->> 'tenant_id', p_task ->> 'queue', p_task ->> 'account', p_task ->> 'model')
            THEN 'names of tenants, queues, accounts and models are not empty (leave the key out instead)'
        WHEN jsonb_typeof(p_task -> 'labels') NOT IN ('object', 'null') THEN 'labels is a JSON object'
        WHEN jsonb_typeof(p_task -> 'output_files') NOT IN ('array', 'null')
            THEN 'output_files is a list of file names'
        WHEN jsonb_typeof(p_task -> 'input_files') NOT IN ('array', 'null')
            THEN 'input_files is a list of objects with path and content (or content_base64)'
        WHEN jsonb_typeof(p_task -> 'output_files') = 'array' AND EXISTS (
            SELECT FROM jsonb_array_elements(p_task -> 'output_files') AS file
            WHERE jsonb_typeof(file) <> 'string' OR NOT is_file_name(file #>> '{}')
        ) THEN 'output file ' || (
            SELECT quote_literal(min(file #>> '{}')) FROM jsonb_array_elements(p_task -> 'output_files') AS file
            WHERE jsonb_typeof(file) <> 'string' OR NOT is_file_name(file #>> '{}')
        ) || ' is not allowed: name a file below the work directory, without "..", leading "/" or control bytes'
        WHEN jsonb_typeof(p_task -> 'input_files') = 'array' AND EXISTS (
            SELECT FROM jsonb_array_elements(p_task -> 'input_files') AS file
            WHERE NOT is_file_name(file ->> 'path')
        ) THEN 'input file ' || (
            SELECT coalesce(quote_literal(min(file ->> 'path')), 'without a path')
            FROM jsonb_array_elements(p_task -> 'input_files') AS file WHERE NOT is_file_name(file ->> 'path')
        ) || ' is not allowed: name a file below the work directory, without "..", leading "/" or control bytes'
        WHEN jsonb_typeof(p_task -> 'input_files') = 'array' AND EXISTS (
            SELECT FROM jsonb_array_elements(p_task -> 'input_files') AS file
            WHERE (file ->> 'content' IS NULL) = (file ->> 'content_base64' IS NULL)
        ) THEN 'an input file has either content or content_base64'
        WHEN jsonb_typeof(p_task -> 'input_files') = 'array' AND (
            SELECT count(*) > count(DISTINCT file ->> 'path')
            FROM jsonb_array_elements(p_task -> 'input_files') AS file
        ) THEN 'two input files have the same name'
    END
$$;

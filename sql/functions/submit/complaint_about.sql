-- INTERNAL complaint_about(key, value): what is wrong with one key of a task as given to submit_tasks(), as the rest of a
-- sentence that begins with the key; null when nothing is. It looks at no table. Times are left to their type's parser.
-- Models and sessions become arguments of CLIs: one that begins with "-" would be an option of them, such as the one that
-- asks for no permission any more.
-- One expression, which the planner takes into the statement that calls it; the keys that every task has come first.
CREATE OR REPLACE FUNCTION complaint_about(p_key text, p_value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN p_value = 'null' THEN NULL
        WHEN p_key = 'tool' THEN CASE WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text' END
        WHEN p_key = 'prompt' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN octet_length(p_value #>> '{}') > 33554432 THEN 'is at most 32 MB long'
        END
        WHEN p_key IN ('tenant_id', 'queue', 'account', 'model', 'fallback_model') THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN p_value = '""' THEN 'must not be empty (leave it out instead)'
            WHEN p_value #>> '{}' ~ '[[:cntrl:]]' THEN 'must hold no control characters'
            WHEN octet_length(p_value #>> '{}') > 200 THEN 'is at most 200 bytes long'
            WHEN p_key IN ('model', 'fallback_model') AND starts_with(p_value #>> '{}', '-')
                THEN 'must not begin with "-"'
        END
        WHEN p_key = 'idempotency_key' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN p_value = '""' THEN 'must not be empty (leave it out instead)'
            WHEN octet_length(p_value #>> '{}') > 1000 THEN 'is at most 1,000 bytes long'
        END
        WHEN p_key IN ('name', 'workdir') THEN CASE WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text' END
        WHEN p_key = 'session_id' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN starts_with(p_value #>> '{}', '-') THEN 'must not begin with "-"'
        END
        WHEN p_key = 'permission' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN p_value NOT IN ('"read"', '"edit"', '"full"') THEN 'is read, edit or full'
        END
        WHEN p_key = 'scheduled_at' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN p_value #>> '{}' ~* 'infinity' THEN 'is a moment'
        END
        WHEN p_key = 'priority' THEN
            CASE WHEN p_value #>> '{}' !~ '^[1-9]$' THEN 'is a number from 1 to 9 (9 is first)' END
        WHEN p_key IN ('timeout_s', 'stall_timeout_s', 'max_attempts') THEN
            CASE WHEN p_value #>> '{}' !~ '^0*[1-9][0-9]{0,8}$' THEN 'is a whole number above 0' END
        WHEN p_key IN ('delay_s', 'backoff_s') THEN
            CASE WHEN p_value #>> '{}' !~ '^[0-9]{1,9}(\.[0-9]*)?$' THEN 'is a number of seconds' END
        WHEN p_key = 'labels' THEN CASE WHEN jsonb_typeof(p_value) <> 'object' THEN 'is a JSON object' END
        WHEN p_key IN ('input_files', 'output_files') THEN complaint_about_files(p_key, p_value)
        WHEN p_key = 'retry_on' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'array' OR p_value @? '$[*] ? (@.type() != "string")'
                THEN 'is a list of error classes'
        END
        ELSE 'is not a key of a task'
    END
$$;

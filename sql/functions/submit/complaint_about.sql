-- INTERNAL complaint_about(kind, value): what is wrong with one value of a task as given to submit_tasks(), as the rest of a
-- sentence that begins with the key; null when nothing is. `kind` says what the key takes: one of those below, or a JSON
-- array of the only texts that it takes. A null kind belongs to a key that no task has.
-- It looks at no table. Times are left to their type's parser.
-- An argument is a word that CLIs are given: one that begins with "-" would be an option of them, such as the one that
-- asks for no permission any more.
-- One expression, which the planner takes into the statement that calls it; the kinds that every task has come first.
CREATE OR REPLACE FUNCTION complaint_about(p_kind text, p_value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN p_value = 'null' THEN NULL
        WHEN p_kind = 'text' THEN CASE WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text' END
        WHEN p_kind = 'prompt' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN octet_length(p_value #>> '{}') > 33554432 THEN 'is at most 32 MB long'
        END
        WHEN p_kind IN ('word', 'argument') THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN p_value = '""' THEN 'must not be empty (leave it out instead)'
            WHEN p_value #>> '{}' ~ '[[:cntrl:]]' THEN 'must hold no control characters'
            WHEN octet_length(p_value #>> '{}') > 200 THEN 'is at most 200 bytes long'
            WHEN p_kind = 'argument' AND starts_with(p_value #>> '{}', '-') THEN 'must not begin with "-"'
        END
        WHEN p_kind = 'key' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN p_value = '""' THEN 'must not be empty (leave it out instead)'
            WHEN octet_length(p_value #>> '{}') > 1000 THEN 'is at most 1,000 bytes long'
        END
        WHEN p_kind = 'session' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN starts_with(p_value #>> '{}', '-') THEN 'must not begin with "-"'
        END
        WHEN p_kind = 'moment' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN p_value #>> '{}' ~* 'infinity' THEN 'is a moment'
        END
        WHEN p_kind = 'priority' THEN
            CASE WHEN p_value #>> '{}' !~ '^[1-9]$' THEN 'is a number from 1 to 9 (9 is first)' END
        WHEN p_kind = 'count' THEN
            CASE WHEN p_value #>> '{}' !~ '^0*[1-9][0-9]{0,8}$' THEN 'is a whole number above 0' END
        WHEN p_kind = 'seconds' THEN
            CASE WHEN p_value #>> '{}' !~ '^[0-9]{1,9}(\.[0-9]*)?$' THEN 'is a number of seconds' END
        WHEN p_kind = 'object' THEN CASE WHEN jsonb_typeof(p_value) <> 'object' THEN 'is a JSON object' END
        WHEN p_kind IN ('input files', 'output files') THEN complaint_about_files(p_kind, p_value)
        WHEN p_kind = 'error classes' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'array' OR p_value @? '$[*] ? (@.type() != "string")'
                THEN 'is a list of error classes'
        END
        WHEN starts_with(p_kind, '[') THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'is text'
            WHEN NOT p_kind::jsonb @> p_value
                THEN 'is ' || regexp_replace(translate(p_kind, '[]"', ''), ', ([^,]*)$', ' or \1')
        END
        ELSE 'is not a key of a task'
    END
$$;

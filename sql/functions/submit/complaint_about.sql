-- INTERNAL complaint_about(kind, value): returns what is wrong with one value of a task as given to submit_tasks().
-- That is the rest of a sentence that begins with the key, or null when nothing is wrong. `kind` says what the key
-- takes: one of the kinds below, or a JSON array of the only texts that it takes. A null kind belongs to a key that no
-- task has.
-- It looks at no table. Times are left to their type's parser.
-- An argument becomes an argument of a CLI. One that begins with "-" would be an option of the CLI, such as the one
-- that stops asking for permission.
-- It is one expression, so that the planner inlines it. The kinds that every task has come first.
CREATE OR REPLACE FUNCTION complaint_about(p_kind text, p_value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN p_value = 'null' THEN NULL
        WHEN p_kind = 'text' THEN CASE WHEN jsonb_typeof(p_value) <> 'string' THEN 'must be text' END
        WHEN p_kind = 'prompt' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'must be text'
            WHEN octet_length(p_value #>> '{}') > 33554432 THEN 'must be at most 32 MB long'
        END
        WHEN p_kind IN ('word', 'argument') THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'must be text'
            WHEN p_value = '""' THEN 'must not be empty (leave it out instead)'
            WHEN p_value #>> '{}' ~ '[[:cntrl:]]' THEN 'must not hold control characters'
            WHEN octet_length(p_value #>> '{}') > 200 THEN 'must be at most 200 bytes long'
            WHEN p_kind = 'argument' AND starts_with(p_value #>> '{}', '-') THEN 'must not begin with "-"'
        END
        WHEN p_kind = 'key' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'must be text'
            WHEN p_value = '""' THEN 'must not be empty (leave it out instead)'
            WHEN octet_length(p_value #>> '{}') > 1000 THEN 'must be at most 1,000 bytes long'
        END
        WHEN p_kind = 'session' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'must be text'
            WHEN starts_with(p_value #>> '{}', '-') THEN 'must not begin with "-"'
        END
        WHEN p_kind = 'moment' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'must be text'
            WHEN p_value #>> '{}' ~* 'infinity' THEN 'must be a finite time'
        END
        WHEN p_kind = 'priority' THEN
            CASE WHEN p_value #>> '{}' !~ '^[1-9]$' THEN 'must be a number from 1 to 9 (9 is first)' END
        WHEN p_kind = 'count' THEN
            CASE WHEN p_value #>> '{}' !~ '^0*[1-9][0-9]{0,8}$' THEN 'must be a whole number above 0' END
        WHEN p_kind = 'seconds' THEN
            CASE WHEN p_value #>> '{}' !~ '^[0-9]{1,9}(\.[0-9]*)?$' THEN 'must be a number of seconds' END
        WHEN p_kind = 'repository' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'must be text'
            WHEN p_value #>> '{}' !~ '^(/[^[:cntrl:]]*|[A-Za-z0-9][A-Za-z0-9._-]*)$' OR octet_length(p_value #>> '{}') > 4096
                THEN 'must be a name under repositories in config.yaml, or an absolute path'
        END
        WHEN p_kind = 'ref' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'must be text'
            WHEN p_value #>> '{}' !~ '^[^-[:cntrl:]][^[:cntrl:]]*$' OR octet_length(p_value #>> '{}') > 1000
                THEN 'must be a branch, a tag or a commit'
        END
        WHEN p_kind = 'command' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'must be text'
            WHEN octet_length(p_value #>> '{}') > 32000 THEN 'must be at most 32,000 bytes long'
        END
        WHEN p_kind IN ('step', 'tasks', 'file', 'files of tasks', 'spawn limits')
            THEN complaint_about_workflow(p_kind, p_value)
        WHEN p_kind = 'flag' THEN CASE WHEN jsonb_typeof(p_value) <> 'boolean' THEN 'must be true or false' END
        WHEN p_kind = 'object' THEN CASE WHEN jsonb_typeof(p_value) <> 'object' THEN 'must be a JSON object' END
        WHEN p_kind IN ('input files', 'output files') THEN complaint_about_files(p_kind, p_value)
        WHEN p_kind = 'error classes' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'array' OR p_value @? '$[*] ? (@.type() != "string")'
                THEN 'must be a list of error classes'
        END
        WHEN p_kind = 'hooks' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'array' OR p_value @? '$[*] ? (@.type() != "string")'
                OR jsonb_array_length(p_value) > 20
                THEN 'must be a list of at most 20 names of hooks'
        END
        WHEN starts_with(p_kind, '[') THEN CASE
            WHEN jsonb_typeof(p_value) <> 'string' THEN 'must be text'
            WHEN NOT p_kind::jsonb @> p_value
                THEN 'must be ' || regexp_replace(translate(p_kind, '[]"', ''), ', ([^,]*)$', ' or \1')
        END
        ELSE 'is not a key of a task'
    END
$$;

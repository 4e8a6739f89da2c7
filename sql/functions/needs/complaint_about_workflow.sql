-- INTERNAL complaint_about_workflow(kind, value): returns what is wrong with a key by which tasks belong together, as the
-- rest of a sentence that begins with the key; null when nothing is wrong. It is a part of complaint_about().
CREATE OR REPLACE FUNCTION complaint_about_workflow(p_kind text, p_value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN p_kind = 'step' AND (jsonb_typeof(p_value) <> 'string' OR p_value #>> '{}' !~ '^[A-Za-z_][A-Za-z0-9_.-]{0,62}$')
            THEN 'must be a name of letters, digits, ".", "_" and "-", that begins with a letter'
        WHEN p_kind = 'tasks' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'array' OR p_value @? '$[*] ? (@.type() != "string" && @.type() != "number")'
                THEN 'must be a list of tasks: numbers, or steps of the same batch'
            WHEN jsonb_array_length(p_value) > 1000 THEN 'must name at most 1,000 tasks'
        END
        WHEN p_kind = 'file' AND (jsonb_typeof(p_value) <> 'string' OR NOT is_file_name(p_value #>> '{}'))
            THEN 'must be the name of a file below the work directory'
        WHEN p_kind = 'files of tasks' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'array' OR p_value @? '$[*] ? (@.type() != "object")'
                THEN 'must be a list of objects with task, path and name'
            WHEN jsonb_array_length(p_value) > 1000 THEN 'must name at most 1,000 files'
            WHEN EXISTS (
                SELECT FROM jsonb_array_elements(p_value) AS file
                WHERE file - '{task,path,name,of_tree}'::text [] <> '{}'
                    OR jsonb_typeof(file -> 'task') IS DISTINCT FROM 'string' AND jsonb_typeof(file -> 'task') IS DISTINCT FROM 'number'
                    OR jsonb_typeof(file -> 'path') IS DISTINCT FROM 'string' OR NOT is_file_name(file ->> 'path')
                    OR jsonb_typeof(file -> 'name') NOT IN ('string', 'null') OR NOT is_file_name(coalesce(file ->> 'name', 'x'))
                    OR jsonb_typeof(file -> 'of_tree') NOT IN ('boolean', 'null')
            ) THEN 'must describe a file by task, path, name and of_tree: names of files below the work directory'
        END
        WHEN p_kind = 'spawn limits' THEN CASE
            WHEN jsonb_typeof(p_value) <> 'object' OR p_value - '{depth,children,tasks,cost_usd,tokens,tools}'::text [] <> '{}'
                THEN 'must be an object with some of depth, children, tasks, cost_usd, tokens and tools'
            WHEN p_value ->> 'depth' !~ '^([1-9]|10)$' THEN 'must give a depth from 1 to 10'
            WHEN p_value ->> 'children' !~ '^([1-9][0-9]{0,2}|1000)$' THEN 'must give a number of children from 1 to 1000'
            WHEN p_value ->> 'tasks' !~ '^([1-9][0-9]{0,3}|10000)$' THEN 'must give a number of tasks from 1 to 10000'
            WHEN jsonb_typeof(p_value -> 'cost_usd') NOT IN ('number', 'null') OR (p_value -> 'cost_usd') <= '0'
                THEN 'must give a cost in USD above 0'
            WHEN p_value ->> 'tokens' !~ '^[1-9][0-9]{0,17}$' THEN 'must give a number of tokens above 0'
            WHEN jsonb_typeof(p_value -> 'tools') NOT IN ('array', 'null') OR p_value -> 'tools' = '[]'
                OR p_value @? '$.tools[*] ? (@.type() != "string")' THEN 'must give tools as a list of their names'
        END
    END
$$;

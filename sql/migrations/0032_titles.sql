-- What a task is called on every screen, and found by: its name, or else the first line of its prompt that says something,
-- so that tasks without a name can be told apart.

-- The table keeps it, since a prompt may be 32 MB and a list or a search reads a million tasks: only the first 500
-- characters of a prompt are looked at, once. A line without a letter, such as ---, says nothing; [:punct:] is that of ASCII
-- in every locale, so that letters of all scripts count. The table is written again.
ALTER TABLE tasks ADD COLUMN title text NOT NULL GENERATED ALWAYS AS (coalesce(
    left(nullif(btrim(name), ''), 200),
    nullif(regexp_replace(
        btrim(regexp_replace(
            coalesce(substring(left(prompt, 500), '[^\n\r]*[^\s[:punct:]][^\n\r]*'), left(prompt, 500)),
            '[\s[:cntrl:]]+', ' ', 'g'
        )),
        '^(.{99}).{2,}$', '\1…'
    ), ''),
    ''
)) STORED;

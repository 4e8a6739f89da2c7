-- INTERNAL has_labels(labels, asked): returns whether a task's labels hold all that are asked for, compared as text:
-- the label 1 is "1", since whoever asks on a command line or in a URL has only text.
CREATE OR REPLACE FUNCTION has_labels(p_labels jsonb, p_asked jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(bool_and(p_labels ? key AND coalesce(p_labels ->> key, '') = value), true)
    FROM jsonb_each_text(p_asked)
$$;

-- INTERNAL label_hash(key, value): returns under what task_labels holds a label. A value may be longer than an index
-- takes.
CREATE OR REPLACE FUNCTION label_hash(p_key text, p_value text) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$ SELECT md5(p_key || chr(31) || coalesce(p_value, ''))::uuid $$;

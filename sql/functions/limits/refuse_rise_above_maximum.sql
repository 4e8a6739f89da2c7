-- TRIGGER refuse_rise_above_maximum(): guards every limit. It is called only when a counter rises above its maximum, so
-- a limit may be lowered below what runs, and what runs may end. Raises LD429.
CREATE OR REPLACE FUNCTION refuse_rise_above_maximum() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the limit of % is %: one more task would pass it',
        coalesce(to_jsonb(new) ->> 'scope', to_jsonb(new) ->> 'group_name'), new.max_concurrent
        USING ERRCODE = 'LD429';
END
$$;

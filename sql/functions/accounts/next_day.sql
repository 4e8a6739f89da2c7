-- INTERNAL next_day(now): returns when the next budgets of a day begin, which is midnight UTC.
CREATE OR REPLACE FUNCTION next_day(p_now timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
AS $$ SELECT (date_trunc('day', p_now AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC' $$;

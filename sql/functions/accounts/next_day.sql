-- next_day(now): when the budgets of a day begin anew, which is midnight UTC.
CREATE OR REPLACE FUNCTION next_day(p_now timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
AS $$ SELECT (date_trunc('day', p_now AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC' $$;

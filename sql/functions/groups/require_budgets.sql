-- INTERNAL require_budgets(daily, task): raises LD400 for a budget that is NaN or infinite. The constraints of
-- worker_groups let them pass as more than 0. But in JSON they are text, so no dispatcher could read a claim that
-- returned one.
CREATE OR REPLACE FUNCTION require_budgets(p_daily_usd double precision, p_task_usd double precision) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF greatest(p_daily_usd, p_task_usd) >= 'infinity' THEN  -- NaN is the greatest of all
        RAISE EXCEPTION '% is not a valid budget: expected an amount of dollars', greatest(p_daily_usd, p_task_usd)
            USING ERRCODE = 'LD400', HINT = 'leave it out for none';
    END IF;
END
$$;

-- require_budgets(daily, task): raises LD400 for NaN and infinity. The constraints of worker_groups accept both as more than
-- 0, but JSON writes them as text: no dispatcher could read a claim with such a budget.
CREATE OR REPLACE FUNCTION require_budgets(p_daily_usd double precision, p_task_usd double precision) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF greatest(p_daily_usd, p_task_usd) >= 'infinity' THEN  -- NaN is the greatest of all
        RAISE EXCEPTION 'a budget is an amount of dollars, not %', greatest(p_daily_usd, p_task_usd)
            USING ERRCODE = 'LD400', HINT = 'leave it out for none';
    END IF;
END
$$;

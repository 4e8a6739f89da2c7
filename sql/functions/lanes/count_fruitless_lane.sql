-- INTERNAL count_fruitless_lane(tool, priority, fruitless, one_by_one): counts a lane that had nothing to take. After
-- c_one_by_one of them, the next c_together lanes of that tool and priority are looked at in one statement, which
-- counts as c_price of them. If it finds no empty lane, it is not used again in this claim.
-- Returns both counts: `fruitless` of the whole claim, and `one_by_one` since that statement; null when it is not used
-- again.
-- Only pick_tasks() calls this.
CREATE OR REPLACE FUNCTION count_fruitless_lane(
    p_tool text, p_priority smallint, INOUT fruitless integer, INOUT one_by_one integer
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_one_by_one CONSTANT integer := 20;
    c_together CONSTANT integer := 1000;
    c_price CONSTANT integer := 80;
    v_emptied integer;
BEGIN
    fruitless := fruitless + 1;
    one_by_one := one_by_one + 1;
    IF one_by_one = c_one_by_one THEN
        v_emptied := note_emptied_lanes(p_tool, p_priority, c_together);
        fruitless := fruitless + least(v_emptied, c_price);
        one_by_one := CASE WHEN v_emptied > 0 THEN 0 END;
    END IF;
END
$$;

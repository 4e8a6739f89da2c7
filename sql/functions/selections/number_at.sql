-- INTERNAL number_at(moment): returns the first number that was given at or after a moment; null if there is no task.
-- It halves the range of numbers, since tasks get numbers and times in the same order, but for transactions that
-- submit at the same time. Nearby tasks may therefore be on the other side of it, see read_selection().
-- Cost: some 20 look-ups for a million tasks. There is no index on created_at, see the table.
CREATE OR REPLACE FUNCTION number_at(p_moment timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    v_low bigint;
    v_high bigint;
    v_middle bigint;
    v_task record;
BEGIN
    SELECT min(number), max(number) + 1 INTO v_low, v_high FROM tasks;
    WHILE v_low < v_high LOOP
        v_middle := v_low + (v_high - v_low) / 2;
        SELECT number, created_at INTO v_task FROM tasks WHERE number >= v_middle ORDER BY number LIMIT 1;
        IF v_task.created_at >= p_moment THEN
            v_high := v_middle;
        ELSE
            v_low := v_task.number + 1;
        END IF;
    END LOOP;
    RETURN v_low;
END
$$;

-- INTERNAL time_bounds(measure): returns the bounds, in seconds, between which runs are counted by how long something
-- took. Tasks wait and run for seconds to hours; an agent starts in milliseconds.
CREATE OR REPLACE FUNCTION time_bounds(p_measure text) RETURNS double precision []
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE p_measure
        WHEN 'start latency' THEN ARRAY[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
        ELSE ARRAY[1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800]
    END::double precision []
$$;

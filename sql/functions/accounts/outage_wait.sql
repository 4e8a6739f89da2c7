-- INTERNAL outage_wait(asked_s, probes): returns for how many seconds an account whose service is overloaded starts
-- nothing, after so many probes that met it so: 15, doubled after each probe up to five minutes, and by chance up to a
-- fifth more or less, so that accounts do not come back together. A service that asks for more time gets it, up to an
-- hour: a hint of a service that is out of order must not stop an account for days.
CREATE OR REPLACE FUNCTION outage_wait(p_asked_s double precision, p_probes integer) RETURNS double precision
LANGUAGE sql VOLATILE
AS $$
    SELECT greatest(
        CASE WHEN p_asked_s IS NOT NULL THEN least(bounded_wait(p_asked_s), 3600) END,
        least(300, 15 * 2 ^ least(p_probes, 10)) * (0.8 + random() * 0.4))
$$;

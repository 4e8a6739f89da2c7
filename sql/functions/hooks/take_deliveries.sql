-- API take_deliveries(dispatcher, room, most): takes what is due, of the hooks that the dispatcher knows and has room for:
-- {"NAME": {"most": 2, "lease_s": 45}}. Returns {"deliveries": [{"number", "attempt", "hook", "event", "type", "at",
-- "payload"}], "next_due_s": …}, the latter null when time alone makes nothing due.
-- A delivery that is taken is due again when its lease is over: then it is sent once more, with the same id. Of one
-- subject only the first that is neither delivered nor dead is taken. A hook whose last delivery failed rests, and is
-- tried with one delivery then. Before that, workflows that are done become events.
-- Locks: the dispatchers row, that of settle_workflows(), deliveries (SKIP LOCKED).
-- Cost: index probes for each hook; of what is due it passes over what waits behind an earlier delivery.
-- Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION take_deliveries(p_dispatcher uuid, p_room jsonb, p_most integer DEFAULT 4) RETURNS json
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_now timestamptz := clock();
    v_taken json;
    v_next timestamptz;
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    PERFORM settle_workflows();
    WITH due AS MATERIALIZED (
        SELECT first.number, (asked.value ->> 'lease_s')::double precision AS lease_s
        FROM jsonb_each(p_room) AS asked JOIN hooks AS h ON h.name = asked.key
        CROSS JOIN LATERAL (
            SELECT d.number FROM hook_deliveries AS d
            WHERE d.hook = h.name AND d.state = 'pending' AND d.due_at <= v_now AND NOT EXISTS (
                SELECT FROM hook_deliveries AS earlier
                WHERE earlier.hook = d.hook AND earlier.subject = d.subject AND earlier.state = 'pending'
                    AND earlier.number < d.number)
            ORDER BY d.due_at, d.number
            LIMIT CASE WHEN h.failures > 0 THEN 1 ELSE (asked.value ->> 'most')::integer END
            FOR UPDATE SKIP LOCKED
        ) AS first
        WHERE h.disabled_reason IS NULL AND coalesce(h.resumes_at <= v_now, true)
        LIMIT p_most
    ), taken AS (
        UPDATE hook_deliveries AS d SET attempts = attempts + 1, due_at = v_now + make_interval(secs => due.lease_s)
        FROM due WHERE d.number = due.number RETURNING d.*
    )
    SELECT coalesce(json_agg(json_build_object(
        'number', number, 'attempt', attempts, 'hook', hook, 'event', event, 'type', type, 'at', at,
        'payload', payload) ORDER BY number), '[]') INTO v_taken FROM taken;
    SELECT min(greatest(first.due_at, h.resumes_at)) INTO v_next
    FROM hooks AS h CROSS JOIN LATERAL (
        SELECT d.due_at FROM hook_deliveries AS d
        WHERE d.hook = h.name AND d.state = 'pending' AND (d.due_at > v_now OR h.resumes_at > v_now)
        ORDER BY d.due_at LIMIT 1
    ) AS first
    WHERE p_room ? h.name AND h.disabled_reason IS NULL;
    RETURN json_build_object(
        'deliveries', v_taken, 'next_due_s', greatest(extract(epoch FROM v_next - v_now), 0.001));
END
$$;

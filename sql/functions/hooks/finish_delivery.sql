-- API finish_delivery(dispatcher, number, attempt, outcome, detail, retry_after_s): says what came of an attempt: it was
-- 'delivered'; it 'failed' and is due again, see hook_back_off(), or dead after the last attempt; or the receiver is
-- 'gone', which disables the hook. A receiver that asks for more time gets it, up to a day. After a failure the whole hook
-- rests, from 5 seconds to 5 minutes, so that a receiver that is away costs few attempts.
-- Of a delivery that was taken again meanwhile, is over or was removed nothing is written.
-- Locks: the dispatchers row, the delivery, and after a failure the hook. Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION finish_delivery(
    p_dispatcher uuid, p_number bigint, p_attempt integer, p_outcome text, p_detail text DEFAULT NULL,
    p_retry_after_s double precision DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_now timestamptz := clock();
    v_wait_s double precision := CASE WHEN p_outcome = 'failed' AND hook_back_off(p_attempt) IS NOT NULL
        THEN greatest(hook_back_off(p_attempt), least(coalesce(p_retry_after_s, 0), 86400)) END;
    v_delivery hook_deliveries;
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    UPDATE hook_deliveries SET detail = left(p_detail, 4000),
        state = CASE WHEN p_outcome = 'delivered' THEN 'delivered' WHEN v_wait_s IS NULL THEN 'dead' ELSE 'pending' END,
        ended_at = CASE WHEN v_wait_s IS NULL THEN v_now END,
        due_at = v_now + make_interval(secs => coalesce(v_wait_s, 0))
    WHERE number = p_number AND attempts = p_attempt AND state = 'pending'
    RETURNING * INTO v_delivery;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF p_outcome = 'gone' THEN
        UPDATE hooks SET disabled_reason = coalesce(p_detail, 'its receiver is gone') WHERE name = v_delivery.hook;
        UPDATE hook_deliveries SET state = 'dead', ended_at = v_now, detail = 'the hook was disabled'
        WHERE hook = v_delivery.hook AND state = 'pending';
        RETURN;
    END IF;
    -- Those behind it are due at once, or when it is due again.
    UPDATE hook_deliveries SET due_at = v_delivery.due_at
    WHERE hook = v_delivery.hook AND subject = v_delivery.subject AND state = 'pending' AND number > p_number;
    IF FOUND AND v_wait_s IS NULL THEN
        PERFORM pg_notify('hook_ready', '');
    END IF;
    IF p_outcome = 'delivered' THEN
        UPDATE hooks SET failures = 0, resumes_at = NULL WHERE name = v_delivery.hook AND failures > 0;
    ELSE
        UPDATE hooks SET failures = failures + 1,
            resumes_at = v_now + make_interval(secs => least(5 * 2 ^ least(failures, 10), 300))
        WHERE name = v_delivery.hook;
    END IF;
END
$$;

-- INTERNAL bound_transaction(): limits how long the transaction of the caller may idle, since it holds something that
-- reports or claims need. After that the server ends the session, and with it the transaction: what it did is undone. The
-- limit is 30 s, or what the setting llmctl.longest_idle says; a stricter idle_in_transaction_session_timeout stays.
-- It ends with the transaction. Unlike a setting of a role it holds for every login and behind each pooler.
CREATE OR REPLACE FUNCTION bound_transaction() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_longest interval := coalesce(nullif(current_setting('llmctl.longest_idle', true), ''), '30s');
    v_now interval := current_setting('idle_in_transaction_session_timeout');
BEGIN
    IF v_now = '0' OR v_now > v_longest THEN
        PERFORM set_config(
            'idle_in_transaction_session_timeout', (extract(EPOCH FROM v_longest) * 1000)::integer::text, true);
    END IF;
END
$$;

-- INTERNAL notify_task_event(status, numbers): tells watchers which tasks changed. A payload of 8,000 bytes would abort
-- the writer, so one holds 350 numbers of at most 20 bytes. Above 500 tasks it says only how many they are.
CREATE OR REPLACE FUNCTION notify_task_event(p_status text, p_numbers bigint []) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF cardinality(p_numbers) > 500 THEN
        PERFORM pg_notify('task_event', json_build_object(
            'status', p_status, 'count', cardinality(p_numbers))::text);
    ELSE
        FOR chunk IN 0 .. (cardinality(p_numbers) - 1) / 350 LOOP
            PERFORM pg_notify('task_event', task_event(p_status, p_numbers[chunk * 350 + 1 : chunk * 350 + 350]));
        END LOOP;
    END IF;
END
$$;

-- INTERNAL is_outlasted(group, task, run_no, now): returns whether a task whose run of this number was overloaded has
-- waited long enough, so that this uses up an attempt: an hour after the first overloaded run of its account's outage,
-- or after the first of the task itself that no other end came between. The second rule is for a task that alone meets
-- errors of the service: the runs of others end the outage of the account each time.
CREATE OR REPLACE FUNCTION is_outlasted(
    p_group worker_groups, p_task uuid, p_run_no integer, p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN coalesce(outage_began(p_group, p_now) <= p_now - interval '1 hour', false) OR EXISTS (
        SELECT FROM task_runs AS r
        WHERE r.task_id = p_task AND r.run_no < p_run_no AND r.error_class = 'overloaded'
            AND r.finished_at <= p_now - interval '1 hour'
            AND NOT EXISTS (
                SELECT FROM task_runs AS later
                WHERE later.task_id = p_task AND later.run_no > r.run_no AND later.run_no < p_run_no
                    AND later.error_class IS DISTINCT FROM 'overloaded'
            )
    );
END
$$;

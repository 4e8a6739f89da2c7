-- INTERNAL session_actions(): returns what the session's role may do with tasks at all, as far as it may call the
-- function that does it. After SET ROLE that role counts. Otherwise session_user does, since current_user is the owner
-- of the function that calls this.
-- Whoever may cancel a task may hold, release and edit it, and move it to the top: a producer may submit with the
-- highest priority anyway, and so decides already who comes before whom.
CREATE OR REPLACE FUNCTION session_actions() RETURNS text []
LANGUAGE sql STABLE
AS $$
    SELECT ARRAY(
        SELECT action FROM (
            VALUES ('answer', 'answer_task'::regproc), ('approve', 'approve_task'), ('deny', 'deny_task'), ('cancel', 'cancel_task'), ('retry', 'retry_task'), ('reply', 'reply_task'),
                ('hold', 'act_on_tasks'), ('release', 'act_on_tasks'), ('top', 'act_on_tasks'), ('edit', 'act_on_tasks')
        ) AS verbs (action, function)
        WHERE has_function_privilege(
            coalesce(nullif(current_setting('role'), 'none'), session_user::text), function::oid, 'EXECUTE')
    )
$$;

-- INTERNAL session_actions(): returns what the session's role may do with tasks at all: cancel, retry and reply, as
-- far as it may call the function. After SET ROLE that role counts. Otherwise session_user does, since current_user is
-- the owner of the function that calls this.
CREATE OR REPLACE FUNCTION session_actions() RETURNS text []
LANGUAGE sql STABLE
AS $$
    SELECT ARRAY(
        SELECT action FROM (
            VALUES ('cancel', 'cancel_task'::regproc), ('retry', 'retry_task'), ('reply', 'reply_task')
        ) AS verbs (action, function)
        WHERE has_function_privilege(
            coalesce(nullif(current_setting('role'), 'none'), session_user::text), function::oid, 'EXECUTE')
    )
$$;

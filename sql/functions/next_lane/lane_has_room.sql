-- INTERNAL lane_has_room(tool, account, model, queue, workflow, dispatcher, now, filled): whether neither the limits of
-- model, queue and workflow nor the account block such a lane, nor a cool-down of its model, see cooling_key(). Tools and tenants are left out: next_lane() looks at open tools and
-- turns only. A single expression, so that it is inlined.
CREATE OR REPLACE FUNCTION lane_has_room(
    p_tool text, p_account text, p_model text, p_queue text, p_workflow text,
    p_dispatcher dispatchers, p_now timestamptz, p_filled text []
) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT scopes_have_room(limit_scopes(NULL, p_model, NULL, p_queue, p_workflow), p_filled)
        AND (p_filled = '{}' OR cooling_key(p_tool, p_model, p_account) <> ALL(p_filled))
        AND (p_account IS NULL OR account_has_room(p_tool, p_account, p_dispatcher, p_now, p_filled))
$$;

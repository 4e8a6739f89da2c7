-- Who may call what. Applied whenever functions were created again, and by each `dispatcher migrate`.
--
-- Only the owner may touch a table. Everything that a role may do is a function listed here, which runs with the rights
-- of its owner and looks up names in our schema only; c_invokers has the exception. All other functions serve these, and
-- only the owner may call them. Trigger functions run with the owner's rights, too: an administrator may let a role
-- insert into tasks, and the row must still reach the tables that the role cannot write.
--
-- Roles belong to the server: databases share them, and a dump does not contain them. Where we may not create them, an
-- administrator does, and the next `dispatcher migrate` grants. Where a superuser migrates, the functions belong to
-- llmctl_owner, which nobody can become: a function that others call must not have all rights of a superuser.
-- ALTER FUNCTION keeps a function from being inlined. None of those listed could be, and the small ones are not listed.
DO $grants$
DECLARE
    c_rules CONSTANT jsonb := '[
        {"to": ["producer", "reader", "operator", "dispatcher", "admin"], "functions": [
            "act_as", "capped_tools", "continued_tasks", "count_inbox", "count_tasks", "database_id", "end_session", "facets",
            "find_token", "inbox", "known_values",
            "list_active", "list_changes", "list_dispatchers", "list_files", "list_groups", "list_limits", "list_page",
            "list_runs", "list_schedules", "list_tasks", "list_workflows", "log_state", "metrics", "read_file",
            "read_output", "read_results", "schema_version", "show_graph", "show_task", "show_workflow", "start_session", "stats",
            "task_numbers", "task_states", "why_waiting"
        ]},
        {"to": ["producer", "operator", "admin"], "functions": [
            "act_on_tasks", "answer_task", "approve_task", "cancel_task", "choose_try", "deny_task", "explain_refusal",
            "pause_schedule", "put_schedule", "remove_schedule", "reply_task", "resume_schedule", "retry_task",
            "run_schedule", "submit_task", "submit_tasks", "submit_tries"
        ]},
        {"to": ["reader", "operator", "dispatcher", "admin"], "functions": [
            "check_counters", "check_tallies", "unserved_tasks"
        ]},
        {"to": ["dispatcher", "admin"], "functions": [
            "put_configured_schedules", "put_group", "put_hooks", "put_tool", "recover_lost"
        ]},
        {"to": ["operator", "dispatcher", "admin"], "functions": [
            "list_deliveries", "list_hooks", "note_gone", "reopen_group", "set_limit"
        ]},
        {"to": ["operator", "admin"], "functions": [
            "clear_cooldown", "cool_down_group", "pause_group", "remove_limit", "resume_group", "retry_hook", "test_hook"
        ]},
        {"to": ["dispatcher"], "functions": [
            "adopt_runs", "append_output", "close_dispatcher", "close_groups", "count_prunable", "drain_dispatcher",
            "due_schedules", "end_idle_sessions", "find_dispatchers", "finish_delivery", "finish_runs", "fire_schedule",
            "has_work", "heartbeat", "holders_of", "input_files_of", "keep_change", "keep_pieces", "note_base", "open_runs",
            "prune_deliveries", "prune_lanes", "prune_output", "prune_sessions", "prune_tasks", "read_input",
            "read_prompt", "refuse_wanted", "register_dispatcher", "report_and_claim", "seconds_until_lost",
            "send_wanted", "settled_runs", "start_runs", "store_command_output",
            "store_output", "store_piece", "take_deliveries", "take_wanted", "unrecorded_runs", "unreferenced_files",
            "want_file", "wanted_files"
        ]},
        {"to": ["admin"], "functions": [
            "add_token", "change_group", "end_sessions", "grant_tenant", "list_tokens", "remove_group", "remove_token",
            "revoke_tenant"
        ]}
    ]';
    -- Those that act for their caller: in a SECURITY DEFINER function no role can be set, and no session of others ended.
    c_invokers CONSTANT text [] := '{act_as,end_idle_sessions}';
    v_schema text;
    v_owner text;
    v_needs_owner boolean;
    v_role text;
    v_roles text [];
    v_entry boolean;
    f record;
BEGIN
    SELECT relnamespace::regnamespace::text, relowner::regrole::text INTO v_schema, v_owner
    FROM pg_class WHERE oid = 'schema_definitions'::regclass;
    SELECT rolsuper INTO v_needs_owner FROM pg_roles WHERE oid = v_owner::regrole;

    FOREACH v_role IN ARRAY ARRAY['producer', 'reader', 'operator', 'dispatcher', 'admin', 'owner'] LOOP
        CONTINUE WHEN v_role = 'owner' AND NOT v_needs_owner OR to_regrole('llmctl_' || v_role) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', 'llmctl_' || v_role);
        EXCEPTION
            WHEN insufficient_privilege THEN NULL;  -- `dispatcher check` says what an administrator has to do
            WHEN duplicate_object OR unique_violation THEN NULL;  -- a migrate of another database was faster
        END;
    END LOOP;
    v_needs_owner := v_needs_owner AND to_regrole('llmctl_owner') IS NOT NULL;
    v_roles := ARRAY(
        SELECT rolname FROM pg_roles
        WHERE rolname IN (
            'llmctl_producer', 'llmctl_reader', 'llmctl_operator', 'llmctl_dispatcher', 'llmctl_admin'
        )
    );
    -- Earlier versions let everybody read them.
    REVOKE ALL ON TABLE schema_migrations, schema_definitions FROM PUBLIC;
    FOREACH v_role IN ARRAY v_roles LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', v_schema, v_role);
    END LOOP;
    IF v_needs_owner THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO llmctl_owner', v_schema);
        -- Everything that the migrating role owns here. It is harmless if some of it is not ours, since llmctl_owner has no
        -- functions but ours.
        FOR f IN
            SELECT oid::regclass::text AS name, relkind FROM pg_class
            WHERE relnamespace = v_schema::regnamespace AND relowner = v_owner::regrole AND relkind IN ('r', 'p', 'S')
        LOOP
            EXECUTE CASE f.relkind
                WHEN 'S' THEN format('GRANT USAGE ON SEQUENCE %s TO llmctl_owner', f.name)
                ELSE format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO llmctl_owner', f.name)
            END;
        END LOOP;
    END IF;

    FOR f IN
        SELECT signature, prorettype = 'trigger'::regtype AS is_trigger, proname::text = ANY(c_invokers) AS is_invoker,
            ARRAY(
                SELECT 'llmctl_' || role
                FROM jsonb_array_elements(c_rules) AS rule, jsonb_array_elements_text(rule -> 'to') AS role
                WHERE rule -> 'functions' ? proname::text
            ) AS callers
        FROM schema_definitions, unnest(functions) AS signature JOIN pg_proc ON pg_proc.oid = signature::regprocedure
    LOOP
        v_entry := f.is_trigger OR f.callers <> '{}' AND NOT f.is_invoker;
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.signature);
        FOREACH v_role IN ARRAY v_roles LOOP
            EXECUTE format(
                CASE WHEN v_role = ANY(f.callers) THEN 'GRANT EXECUTE ON FUNCTION %s TO %I'
                    ELSE 'REVOKE ALL ON FUNCTION %s FROM %I' END, f.signature, v_role);
        END LOOP;
        IF v_entry THEN
            EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %s, pg_temp', f.signature, v_schema);
        END IF;
        IF v_needs_owner THEN
            EXECUTE format(
                CASE WHEN v_entry THEN 'ALTER FUNCTION %s OWNER TO llmctl_owner'
                    ELSE 'GRANT EXECUTE ON FUNCTION %s TO llmctl_owner' END, f.signature);
        END IF;
    END LOOP;
END
$grants$;

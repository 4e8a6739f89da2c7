-- API show_workflow(name, tenant, most): returns the tasks of a workflow as one JSON object: name, tenant_id, `nodes` and
-- `edges`, see graph_of(), also with the tasks of other workflows that one of them comes after, and `is_cut`, whether it has
-- more than `most` tasks: then these are the first.
-- A workflow is of one tenant. Where several have one of this name, `tenant` says which is meant.
-- Cost: that of its tasks. Raises LD404 where there is none, and LD400 for a name that several tenants have, and for
-- `most` outside of 1 to 10,000.
CREATE OR REPLACE FUNCTION show_workflow(p_name text, p_tenant text DEFAULT NULL, p_most integer DEFAULT 1000) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_mine text [] := session_tenants();
    v_numbers bigint [];
    v_tenants text [];
BEGIN
    IF p_most IS NULL OR p_most NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION '% is not a valid number of tasks: expected one from 1 to 10000', coalesce(p_most::text, 'null')
            USING ERRCODE = 'LD400';
    END IF;
    SELECT array_agg(number ORDER BY number), array_agg(DISTINCT tenant_id ORDER BY tenant_id)
    INTO v_numbers, v_tenants
    FROM tasks WHERE number = ANY(workflow_numbers(p_name)) AND (p_tenant IS NULL OR tenant_id = p_tenant)
        AND (v_mine IS NULL OR tenant_id = ANY(v_mine));
    IF v_numbers IS NULL THEN
        RAISE EXCEPTION 'there is no workflow %', quote_nullable(p_name)
            USING ERRCODE = 'LD404', HINT = '`llmctl workflow ls` shows the workflows';
    ELSIF cardinality(v_tenants) > 1 THEN
        RAISE EXCEPTION 'several tenants have a workflow %: %', quote_literal(p_name), array_to_string(v_tenants, ', ')
            USING ERRCODE = 'LD400', HINT = 'say which one: --tenant NAME';
    END IF;
    RETURN jsonb_build_object(
        'name', p_name, 'tenant_id', v_tenants[1], 'is_cut', cardinality(v_numbers) > p_most
    ) || graph_of(v_numbers[:p_most], true);
END
$$;

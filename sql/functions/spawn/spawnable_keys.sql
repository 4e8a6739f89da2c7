-- INTERNAL spawnable_keys(): returns the keys of submit_tasks() that an agent may set for a task that it spawns. What
-- reaches files and commands of the host, belongs to the tenant, or widens what the tree may take is not among them.
CREATE OR REPLACE FUNCTION spawnable_keys() RETURNS text []
LANGUAGE sql IMMUTABLE
AS $$
    SELECT '{tool,model,fallback_model,account,prompt,name,labels,priority,queue,output_files,timeout_s,stall_timeout_s,
        max_attempts,retry_on,backoff_s,scheduled_at,delay_s,permission,approve,step,after,after_any,after_failed,
        after_tree,on_unmet,input_from,spawns}'::text []
$$;

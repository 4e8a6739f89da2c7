-- API task_numbers(select): returns the numbers of all tasks that are selected, lowest first.
-- Cost: that of the tasks of the narrowest index that serves the selection. Raises LD400 and LD404, see
-- read_selection().
CREATE OR REPLACE FUNCTION task_numbers(p_select jsonb) RETURNS bigint []
LANGUAGE sql STABLE
AS $$
    SELECT selected_tasks(read_selection(p_select))
$$;

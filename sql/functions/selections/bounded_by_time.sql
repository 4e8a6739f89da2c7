-- INTERNAL bounded_by_time(selection): returns the selection with the numbers between which the tasks of its time lie.
CREATE OR REPLACE FUNCTION bounded_by_time(p_selection task_selection) RETURNS task_selection
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_minutes CONSTANT interval := '10 min';
    c_tasks CONSTANT bigint := 5000;
BEGIN
    p_selection.first_number := coalesce(greatest(
        number_at(p_selection.since - c_minutes), number_at(p_selection.since) - c_tasks), 0);
    p_selection.end_number := least(
        number_at(p_selection.until + c_minutes), number_at(p_selection.until) + c_tasks);
    RETURN p_selection;
END
$$;

-- INTERNAL write_changes(reports, task_ids): writes what the runs of these tasks made of their repositories, and how
-- their commands ended. A report has both as run_changes and run_commands do: "change": {"source", "base_commit", …} and
-- "commands": [{"kind", "command", …}]. See change_of() for what is kept of the first, and of an output the last 10,000
-- characters are: all of it is in run_output.
-- Only end_runs() calls this, which holds the tasks; its settings make the statements reach tables by keys.
CREATE OR REPLACE FUNCTION write_changes(p_reports jsonb, p_task_ids uuid []) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO run_changes
    SELECT made.* FROM jsonb_to_recordset(p_reports) AS report (run_id uuid, change jsonb)
    CROSS JOIN change_of(report.run_id, change) AS made
    WHERE change IS NOT NULL
        AND report.run_id = ANY(ARRAY(SELECT tasks.run_id FROM tasks WHERE id = ANY(p_task_ids)));

    INSERT INTO run_commands (run_id, kind, command, verdict, exit_code, ran_s, output_tail)
    SELECT DISTINCT ON (run_id, kind) run_id, kind, command, verdict, exit_code, ran_s, right(output_tail, 10000)
    FROM jsonb_to_recordset(p_reports) AS report (run_id uuid, commands jsonb)
    CROSS JOIN jsonb_to_recordset(commands) AS of_run (
        kind text, command text, verdict text, exit_code integer, ran_s double precision, output_tail text
    )
    WHERE commands IS NOT NULL AND run_id = ANY(ARRAY(SELECT tasks.run_id FROM tasks WHERE id = ANY(p_task_ids)));
$$;

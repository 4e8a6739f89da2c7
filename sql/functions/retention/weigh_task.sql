-- INTERNAL weigh_task(task): returns the number of a task's runs, about how many bytes of their output are stored, and
-- about how many bytes the task takes in all, with its prompt, its answers and its files in the database.
CREATE OR REPLACE FUNCTION weigh_task(p_task uuid, OUT runs bigint, OUT output bigint, OUT weight bigint)
LANGUAGE sql STABLE
AS $$
    SELECT ran.runs, ran.output, octet_length(tasks.prompt) + ran.output + ran.answers + coalesce((
            SELECT sum(size_bytes) FROM task_files WHERE task_id = p_task AND storage_url IS NULL
        ), 0)::bigint
    FROM tasks CROSS JOIN LATERAL (
        SELECT count(*) AS runs, coalesce(sum(octet_length(final_text)), 0)::bigint AS answers,
            coalesce(sum(
                stdout_stored + stderr_stored + coalesce(setup_stored, 0) + coalesce(check_stored, 0)
            ) FILTER (
                WHERE coalesce(finished_at > tasks.output_pruned_at, true)
            ), 0)::bigint AS output
        FROM task_runs WHERE task_id = p_task
    ) AS ran
    WHERE tasks.id = p_task
$$;

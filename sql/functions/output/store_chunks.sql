-- INTERNAL store_chunks(dispatcher, outputs, run_ids): stores the chunks in outputs, see keep_output(), for that and for
-- write_outcomes(). Returns the runs that it locked, and how much is stored of each now.
-- A chunk counts only if it begins where the stored output of its stream ends. So outputs whose answer was lost may be
-- sent again, cut in any way. A run that another transaction holds is passed over. If a run is listed twice, only its
-- first chunks count. The settings of its callers make every statement reach tables by keys.
-- Locks: runs (SKIP LOCKED); the caller holds the dispatcher.
CREATE OR REPLACE FUNCTION store_chunks(
    p_dispatcher uuid, p_outputs jsonb, p_run_ids uuid [],
    OUT run_ids uuid [], OUT stdout_stored bigint [], OUT stderr_stored bigint []
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_chunk record;
    v_last integer := 0;
    -- The chunks that count.
    v_runs uuid [] := '{}';
    v_ages double precision [] := '{}';
    v_chunks jsonb [] := '{}';
BEGIN
    run_ids := '{}';
    stdout_stored := '{}';
    stderr_stored := '{}';
    -- The chunks of a run come one after the other, since they are looked up for the row of the run.
    FOR v_chunk IN
        SELECT given.run_id, given.ago_s, runs.stdout_stored, runs.stderr_stored, chunk, chunk ->> 'stream' AS stream,
            (chunk ->> 'starts_at')::bigint AS starts_at, (chunk ->> 'ends_at')::bigint AS ends_at
        FROM (
            SELECT DISTINCT ON (output.run_id) output.*
            FROM ROWS FROM (jsonb_to_recordset(p_outputs) AS (run_id uuid, ago_s double precision, chunks jsonb))
                WITH ORDINALITY AS output (run_id, ago_s, chunks, position)
            ORDER BY output.run_id, output.position
        ) AS given
        JOIN task_runs AS runs ON runs.id = given.run_id
        LEFT JOIN LATERAL jsonb_array_elements(given.chunks) AS chunk ON true
        WHERE runs.id = ANY(p_run_ids) AND runs.dispatcher_id = p_dispatcher AND runs.status = 'running'
        FOR NO KEY UPDATE OF runs SKIP LOCKED
    LOOP
        IF v_last = 0 OR run_ids[v_last] <> v_chunk.run_id THEN
            v_last := v_last + 1;
            run_ids[v_last] := v_chunk.run_id;
            stdout_stored[v_last] := v_chunk.stdout_stored;
            stderr_stored[v_last] := v_chunk.stderr_stored;
        END IF;
        IF v_chunk.stream = 'stdout' AND v_chunk.starts_at = stdout_stored[v_last] THEN
            stdout_stored[v_last] := v_chunk.ends_at;
        ELSIF v_chunk.stream <> 'stdout' AND v_chunk.starts_at = stderr_stored[v_last] THEN
            stderr_stored[v_last] := v_chunk.ends_at;
        ELSE
            CONTINUE;
        END IF;
        v_runs := v_runs || v_chunk.run_id;
        v_ages := v_ages || v_chunk.ago_s;
        v_chunks := v_chunks || v_chunk.chunk;
    END LOOP;
    IF v_runs <> '{}' THEN
        INSERT INTO run_output (run_id, stream, starts_at, ends_at, at, content)
        SELECT run, chunk ->> 'stream', (chunk ->> 'starts_at')::bigint, (chunk ->> 'ends_at')::bigint,
            clock() - make_interval(secs => age), decode(chunk ->> 'content', 'base64')
        FROM unnest(v_runs, v_ages, v_chunks) AS counting (run, age, chunk);
    END IF;
END
$$;

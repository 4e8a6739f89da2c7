-- INTERNAL pieces_of_prompt(task): returns what the places of a task's prompt are filled with, see what_is_left(): several
-- pieces for a place that stands for all tasks of a tree. `shown` is the beginning of a content; null for a content that is no
-- text. At most 256 KiB of each and 4 MiB of all are shown.
-- Raises LD424 for what should be there and is not.
CREATE OR REPLACE FUNCTION pieces_of_prompt(p_task uuid, p_prompt text)
RETURNS TABLE (
    place bigint, part bigint, title text, shown text, shown_bytes bigint, size_bytes bigint, note text, hint text
)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    c_each CONSTANT integer := 262144;
    c_all CONSTANT integer := 4194304;
    r record;
    v_left bigint := c_all;
    v_most bigint;
BEGIN
    FOR r IN
        SELECT asked.place, coalesce(sources.part, 1) AS part, asked.name, asked.path, asked.kind AS asked,
            CASE asked.kind WHEN 'results' THEN 'result' WHEN 'patches' THEN 'patch' ELSE asked.kind END AS kind,
            CASE WHEN asked.kind IN ('results', 'patches') THEN sources.id ELSE named.need END AS source,
            asked.kind IN ('results', 'patches') AND named.need IS NOT NULL AND sources.id IS NULL AS is_none
        FROM places_of(p_prompt) AS asked CROSS JOIN LATERAL need_by_name(p_task, asked.name) AS named
        LEFT JOIN LATERAL unnest(CASE WHEN asked.kind IN ('results', 'patches') THEN tasks_below(ARRAY[named.need]) END)
            WITH ORDINALITY AS sources (id, part) ON true
        WHERE asked.kind IS NOT NULL ORDER BY asked.place, sources.part
    LOOP
        place := r.place;
        part := r.part;
        shown := '';
        shown_bytes := 0;
        hint := NULL;
        IF r.is_none THEN
            SELECT format('%s of what task %s spawned', r.asked, r.name), NULL, format('task %s spawned nothing', r.name)
            INTO title, size_bytes, note;
        ELSE
            SELECT made.title, made.size_bytes, made.note,
                CASE WHEN made.content IS NOT NULL THEN beginning_of(made.content, least(c_each, v_left)) ELSE '' END
            INTO title, size_bytes, note, shown
            FROM what_is_left(r.source, r.name, r.kind, r.path) AS made;
            shown_bytes := octet_length(shown);
            v_left := v_left - coalesce(shown_bytes, 0);
            hint := CASE WHEN r.path IS NOT NULL THEN format('--input-from %s:%s', r.name, r.path) END;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

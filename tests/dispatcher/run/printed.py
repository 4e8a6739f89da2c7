"""What the database has stored of an agent's output."""

from tests.fixtures.dispatchers import Site


def printed(site: Site, number: int, stream: str = "stdout", run_no: int = 1) -> bytes:
    """Return a stream of a run; check that it has no gap and no overlap."""
    rows = site.sql(
        "SELECT o.* FROM run_output AS o JOIN task_runs AS r ON r.id = o.run_id JOIN tasks AS t ON t.id = r.task_id "
        "WHERE t.number = %s AND r.run_no = %s AND o.stream = %s ORDER BY o.seq",
        number, run_no, stream,
    )  # fmt: skip
    end = 0
    for row in rows:
        assert row["starts_at"] == end
        end = row["ends_at"]
    return b"".join(row["content"] for row in rows)

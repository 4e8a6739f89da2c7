"""What became of changes that were to be merged."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from cli.show.tables import Column
from dispatcher.quantities import plural

Result = Literal["merged", "conflict", "red", "left", "already there", "no changes"]


class MergeRow(Struct, frozen=True, kw_only=True):
    """What became of the change of a task. ``commit`` is its merge; ``files`` are those that conflict."""

    number: int
    name: str | None
    result: Result
    why: str | None = None
    commit: str | None = None
    files: Sequence[str] = ()
    title: str = ""


STYLES = {"merged": "green", "conflict": "red", "red": "red", "left": "yellow"}

MERGES: Sequence[Column[MergeRow]] = (
    Column("TASK", lambda row: str(row.number), right=True),
    Column("NAME", lambda row: row.title, elastic=True, shown=lambda rows: any(row.title for row in rows)),
    Column("RESULT", lambda row: row.result, style=lambda row: STYLES.get(row.result, "dim")),
    Column("COMMIT", lambda row: row.commit and row.commit[:12], spare=1),
    Column("WHY", lambda row: row.why, elastic=True, shown=lambda rows: any(row.why for row in rows)),
)


def summary_of(rows: Sequence[MergeRow], branch: str, begin: str, tip: str) -> str:
    """Return ``main moved from 1f2e3d4c5b6a to 6a5b4c3d2e1f: 31 merged, 3 conflict, 2 red``."""
    counts = Counter(row.result for row in rows)
    counted = ", ".join(f"{count:,} {result}" for result, count in counts.items())
    if begin == tip:
        return f"{branch} stays at {begin[:12]}: {counted or plural(0, 'change')}"
    return f"{branch} moved from {begin[:12]} to {tip[:12]}: {counted}"

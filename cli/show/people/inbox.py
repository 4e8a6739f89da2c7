"""What waits for a person, as text: pure functions of what the database returned."""

from collections.abc import Sequence
from datetime import UTC, datetime

from cli.show.tables import Column
from dispatcher.quantities import age
from sql.rows.changes import InboxRow

_WORDS = {"no_credit": "no credit", "over_budget": "over budget", "unmet": "cannot start"}
_STYLES = {
    "question": "bold yellow",
    "approval": "bold yellow",
    "unmet": "bold yellow",
    "failed": "red",
    "login": "red",
}


def _about(row: InboxRow) -> str:
    if row.number is None:
        return row.group_name or row.name or ""
    return f"{row.number}{f' {row.name}' if row.name else ''}"


INBOX: Sequence[Column[InboxRow]] = (
    Column(
        "KIND", lambda row: _WORDS.get(row.kind, row.kind), style=lambda row: _STYLES.get(row.kind, "magenta")
    ),
    Column("TASK OR GROUP", _about, elastic=True, needs=16),
    Column("SINCE", lambda row: age((datetime.now(UTC) - row.since).total_seconds()), right=True),
    Column("WHAT", lambda row: row.what, elastic=True, needs=40),
)


def commands(row: InboxRow) -> str:
    """Return the line below a row: what to type."""
    return "  " + " · ".join(row.verbs)

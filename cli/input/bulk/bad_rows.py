"""What is wrong with the rows of a file, so that a person corrects the file once and not once for each row."""

from dispatcher.errors import UsageError

MOST_NAMED = 10
_LONGEST = 160
"""Characters of a line about a row: ten of these fit into an error."""


class BadRows:
    """Collects errors of rows: all are counted, and the first ones are kept."""

    def __init__(self) -> None:
        self._first: list[UsageError] = []
        self._count = 0

    def add(self, error: UsageError) -> None:
        self._count += 1
        if len(self._first) < MOST_NAMED:
            self._first.append(error)

    def require_none(self) -> None:
        """Raise :class:`UsageError` if something was added: the error itself, or one that names the first ten."""
        if self._count == 1:
            raise self._first[0]
        if self._count:
            lines = [_cut(str(error)) for error in self._first]
            if left := self._count - len(lines):
                lines.append(f"…and {left:,} more")
            hints = dict.fromkeys(error.hint for error in self._first if error.hint)
            named = "\n  ".join(lines)
            raise UsageError(
                f"{self._count:,} rows are wrong:\n  {named}",
                hint=next(iter(hints)) if len(hints) == 1 else None,
            )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

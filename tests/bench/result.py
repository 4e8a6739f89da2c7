"""The result of a measure, and its reference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


class MissingError(Exception):
    """Something that a measure needs is not installed. The message says what, and how to install it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of the table. ``ratio`` is ours divided by the reference. It should be at most, or at least, the goal.

    ``ratio`` is None if there is no reference, because something is not installed; then the goal is not met.
    ``goal`` is None if the row is only information. ``notes`` are lines below the table.
    """

    measure: str
    ours: str
    reference: str
    ratio: float | None
    goal: float | None = None
    at_least: bool = False
    notes: tuple[str, ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is none."""
        if self.ratio is None:
            return False
        if self.goal is None:
            return None
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal


def median_of(runs: Sequence[Sequence[Result]]) -> list[Result]:
    """Return for each row the run whose ratio is the median, with the ratios of all runs as a note.

    Of an even number of runs it is the lower one in the middle. A row that one run could not measure has no median.
    """
    return [_median(rows) for rows in zip(*runs, strict=True)]


def _median(rows: Sequence[Result]) -> Result:
    measured = sorted((row.ratio, number) for number, row in enumerate(rows) if row.ratio is not None)
    if len(rows) == 1:
        return rows[0]
    if len(measured) < len(rows):
        return next(row for row in rows if row.ratio is None)
    middle = rows[measured[(len(measured) - 1) // 2][1]]
    ratios = ", ".join(f"{row.ratio:.2f}" for row in rows)
    return replace(middle, notes=(*middle.notes, f"{middle.measure}: ratios {ratios}"))

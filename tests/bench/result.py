"""What a measure comes to, and what it is measured against."""

from dataclasses import dataclass


class MissingError(Exception):
    """Something that a measure needs is not installed; the message says what, and how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of the table. ``ratio`` is ours over the reference; it should be at most, or at least, the goal.

    ``ratio`` None: there is no reference, because something is not installed, and so the goal is not met.
    ``goal`` None: the row informs only. ``notes`` are lines below the table.
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
        """None where there is nothing to be met."""
        if self.ratio is None:
            return False
        if self.goal is None:
            return None
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

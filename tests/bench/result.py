"""The result of a measure, and its reference."""

from dataclasses import dataclass


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

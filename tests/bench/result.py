"""What a measure answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """``ratio`` is ours over the reference; it is good when it is at least, or at most, the goal."""

    measure: str
    ours: str
    reference: str
    ratio: float
    goal: float
    at_least: bool

    @property
    def met(self) -> bool:
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

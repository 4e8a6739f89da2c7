"""Each CLI with each of its modes, and what must come of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.agents.matrix import built_in, described
from tests.agents.matrix.policy import OF_A_MODEL, POLICY, Policy
from tests.agents.real_agents import CLIS

KNOWN = (*CLIS, *described.DESCRIBED)
"""All CLIs of the matrix."""


@dataclass(frozen=True, order=True)
class Scene:
    """One CLI that meets one failure, or none."""

    cli: str
    mode: str

    @property
    def is_built_in(self) -> bool:
        return self.cli in CLIS

    @property
    def is_failure(self) -> bool:
        """Whether a success would be a false one."""
        if self.is_built_in and self.error_class is None:
            return self.mode not in (*built_in.SUCCESSES, "repeats itself", "stream drops")
        return self.mode not in (*built_in.SUCCESSES, *described.SUCCESSES)

    @property
    def position(self) -> int:
        """Return which one of its CLI's modes it is."""
        return list(built_in.MODES if self.is_built_in else described.MODES).index(self.mode)

    @property
    def prompt(self) -> str:
        modes = built_in.MODES if self.is_built_in else described.MODES
        return modes[self.mode].replace("{cli}", self.cli)

    @property
    def group(self) -> str:
        return f"{self.cli}-{self.mode.replace(',', '').replace(' ', '-')}"

    @property
    def error_class(self) -> str | None:
        """The class that it must have."""
        class_of = built_in.class_of if self.is_built_in else described.class_of
        return class_of(self.cli, self.mode)

    @property
    def policy(self) -> Policy:
        """What must become of attempts, task and group."""
        return OF_A_MODEL if self.mode == "subscription model" else POLICY[self.error_class]

    @property
    def reason(self) -> str | None:
        """Why its class is not the common one."""
        if self.is_built_in:
            return built_in.REASONS.get((self.cli, self.mode))
        return described.reason(self.cli, self.mode)


def scenes(clis: Sequence[str] = KNOWN, modes: Sequence[str] = ()) -> Iterator[Scene]:
    """Yield the scenes of these CLIs; with modes, only these."""
    for cli in clis:
        of_cli = (built_in if cli in CLIS else described).modes_of(cli)
        yield from (Scene(cli, mode) for mode in of_cli if not modes or mode in modes)

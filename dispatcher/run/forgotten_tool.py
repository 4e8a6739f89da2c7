"""A tool that was taken out of the configuration while its agents ran."""

from collections.abc import Sequence
from dataclasses import dataclass

from wrappers.base import Ending, Event, Outcome, Parser, Wrapper


def forgotten_tool(name: str) -> Wrapper:
    """Make a wrapper that can follow an adopted agent to its end and stop it, but cannot read what it prints."""
    return Wrapper(
        name=name, program=name, install_hint="", arguments=lambda _: (), parser=lambda: _Unreadable(name)
    )


@dataclass
class _Unreadable(Parser):
    name: str

    def feed_stdout(self, chunk: bytes) -> Sequence[Event]:  # noqa: ARG002
        return ()

    def finish(self, ending: Ending) -> Outcome:  # noqa: ARG002
        return Outcome(
            error_class="agent_error",
            error_message=f"the agent ran, but its answer could not be read: {self.name} is no longer described "
            "under tools: in the configuration",
        )

"""A tool that was taken out of the configuration while its agents ran."""

from collections.abc import Sequence

from wrappers.base import Ending, Event, Outcome, Parser
from wrappers.command import Command, ToolSettings


class ForgottenTool(Command):
    """Watches over an adopted agent to its end and can stop it, but understands nothing of what it says."""

    def parser(self) -> Parser:
        return _Unreadable(self.name)


def forgotten_tool(name: str) -> ForgottenTool:
    return ForgottenTool(name=name, settings=ToolSettings(argv=(name,)))


class _Unreadable(Parser):
    def __init__(self, name: str) -> None:
        self._name = name

    def feed(self, chunk: bytes) -> Sequence[Event]:  # noqa: ARG002
        return ()

    def finish(self, ending: Ending) -> Outcome:  # noqa: ARG002
        return Outcome(
            error_class="agent_error",
            error_message=f"the agent ran, but its answer could not be read: {self._name} is not described under "
            "tools: in the configuration any more",
        )

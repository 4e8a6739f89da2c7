"""Which tools there are."""

from collections.abc import Mapping

from wrappers.base import Wrapper
from wrappers.claude import Claude
from wrappers.codex import Codex
from wrappers.command import Command, ToolSettings
from wrappers.gemini import Gemini

BUILT_IN: Mapping[str, type[Claude] | type[Codex] | type[Gemini]] = {
    "claude": Claude,
    "codex": Codex,
    "gemini": Gemini,
}


def built_in() -> dict[str, Wrapper]:
    """The wrappers of the tools that need no configuration, by name."""
    return {name: wrapper() for name, wrapper in BUILT_IN.items()}


def configured(tools: Mapping[str, ToolSettings]) -> dict[str, Wrapper]:
    """All wrappers, by name: those built in, and one for each entry of the configuration's `tools:`.

    Raises ValueError, with a sentence for a person, for an entry that makes no sense.
    """
    wrappers = built_in()
    for name, settings in tools.items():
        known = BUILT_IN.get(name)
        if known is None:
            wrappers[name] = Command(name=name, settings=settings)
        elif settings != ToolSettings(command=settings.command):
            raise ValueError(
                f"tools.{name}: {name} is built in and takes command only, the path of its program"
            )
        elif settings.command is not None:
            wrappers[name] = known(program=settings.command)
    return wrappers

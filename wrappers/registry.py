"""Which tools there are."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wrappers.base import Wrapper
    from wrappers.command.settings import ToolSettings

BUILT_IN: Mapping[str, str] = {
    "claude": "wrappers.claude",
    "codex": "wrappers.codex",
    "gemini": "wrappers.gemini",
}
"""The packages of the tools that need no configuration, by the tools' names. Each package has a module ``wrapper`` that
defines ``WRAPPER``. It is imported only when it is needed: the command line often needs no more than the names."""


def names() -> "list[str]":
    """Return the names of all tools that need no entry in the configuration: those built in, and the presets."""
    from wrappers.command import presets

    return [*BUILT_IN, *presets.names()]


def wrapper_of(name: str) -> "Wrapper":
    """Return the wrapper of a tool that needs no entry in the configuration."""
    if name in BUILT_IN:
        wrapper: Wrapper = import_module(f"{BUILT_IN[name]}.wrapper").WRAPPER
        return wrapper
    from wrappers.command import presets
    from wrappers.command.wrapper import command

    return command(name, presets.preset(name))


def built_in() -> "dict[str, Wrapper]":
    """Return the wrappers of the tools that are built in, by name."""
    return {name: wrapper_of(name) for name in BUILT_IN}


def configured(tools: "Mapping[str, ToolSettings]") -> "dict[str, Wrapper]":
    """Return all wrappers, by name: those that need no entry, and one for each entry of the configuration's `tools:`.

    Raises ValueError, with a sentence for a person, for an entry that makes no sense.
    """
    from wrappers.command import presets
    from wrappers.command.settings import ToolSettings
    from wrappers.command.wrapper import command

    wrappers = {name: wrapper_of(name) for name in names() if name in BUILT_IN or name not in tools}
    for name, settings in tools.items():
        if name not in BUILT_IN:
            wrappers[name] = command(name, presets.completed(name, settings))
        elif settings != ToolSettings(command=settings.command):
            raise ValueError(
                f"tools.{name}: {name} is built in and takes command only, the path of its program"
            )
        elif settings.command is not None:
            wrappers[name] = replace(wrappers[name], program=settings.command)
    return wrappers

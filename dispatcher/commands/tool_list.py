"""Which tools are known, and what is known of them: as text and as JSON."""

import shutil
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from dispatcher.configuration.settings import Settings
from dispatcher.errors import UsageError
from dispatcher.terminal import escaped, one_line
from wrappers.base import Wrapper
from wrappers.modes import Permission
from wrappers.registry import BUILT_IN, configured

HEADINGS = ("TOOL", "KIND", "PROGRAM", "MEASURED", "PROFILES", "SUCCESS")


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """``path`` is where the program is on PATH. ``measured`` is the version that its description was made with."""

    name: str
    kind: Literal["built in", "preset", "config.yaml"]
    program: str
    path: str | None
    measured: str | None
    permissions: Sequence[Permission]
    is_proven: bool


def known_tools(settings: Settings) -> list[Tool]:
    """Return all tools. Raises :class:`UsageError` for a description that makes no sense."""
    try:
        wrappers = configured(settings.tools)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return [_tool(wrapper, is_configured=name in settings.tools) for name, wrapper in wrappers.items()]


def as_lines(tools: Sequence[Tool]) -> list[str]:
    rows = [HEADINGS, *map(_cells, tools)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def as_json(tools: Sequence[Tool]) -> str:
    return escaped(msgspec.json.format(msgspec.json.encode(tools), indent=2).decode())


def _tool(wrapper: Wrapper, *, is_configured: bool) -> Tool:
    described: Literal["preset", "config.yaml"] = "config.yaml" if is_configured else "preset"
    return Tool(
        name=wrapper.name,
        kind="built in" if wrapper.name in BUILT_IN else described,
        program=wrapper.program,
        path=shutil.which(wrapper.program),
        measured=None if wrapper.versions is None else wrapper.versions.measured,
        permissions=list(wrapper.permissions),
        is_proven=wrapper.is_proven,
    )


def _cells(tool: Tool) -> tuple[str, ...]:
    return tuple(map(one_line, _texts(tool)))


def _texts(tool: Tool) -> Iterator[str]:
    yield from (tool.name, tool.kind)
    yield tool.path or f"{tool.program} (not on PATH)"
    yield tool.measured or "-"
    yield ",".join(tool.permissions)
    yield "proven" if tool.is_proven else "not proven"

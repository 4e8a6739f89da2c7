"""docs/tools.md: the presets, from their files."""

from collections.abc import Iterator

from wrappers.command import presets
from wrappers.registry import wrapper_of


def text() -> str:
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield from (
        "| preset | measured with | profiles | logs in with | how to install it |",
        "|---|---|---|---|---|",
    )
    for name in presets.names():
        wrapper = wrapper_of(name)
        versions, login = wrapper.versions, wrapper.login
        logins = [] if login is None else [f"`{variable}`" for variable in login.variables]
        yield (
            f"| `{name}` | {'-' if versions is None else versions.measured} | {', '.join(wrapper.permissions)} "
            f"| {', '.join(logins) or '-'} | `{wrapper.install_hint}` |"
        )

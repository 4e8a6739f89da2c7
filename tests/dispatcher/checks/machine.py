"""Groups, programs and wrappers for tests of checks. Scripts that behave like the real CLIs stand in for them."""

from collections.abc import Sequence
from pathlib import Path

from dispatcher.checks.finding import Finding
from dispatcher.checks.groups import Group
from wrappers.base import Wrapper
from wrappers.registry import built_in

SECRET = "sk-ant-not-to-be-printed-0123456789"


def group(tool: str, **fields: object) -> Group:
    given: dict[str, object] = {"name": f"{tool}-main", "tool": tool, "account": "main", "max_concurrent": 1}
    return Group(**{**given, **fields})  # type: ignore[arg-type]


def script(directory: Path, name: str, body: str) -> None:
    directory.mkdir(exist_ok=True)
    file = directory / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def wrappers(*names: str) -> dict[str, Wrapper]:
    return {name: wrapper for name, wrapper in built_in().items() if name in names}


def only(findings: Sequence[Finding]) -> Finding:
    [finding] = findings
    return finding

"""Whether each tool's program is there, and whether the output of its version was measured."""

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dispatcher.checks.agents.programs import Answer, ask
from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.checks.groups import Group
from dispatcher.run.preparation import environment
from wrappers.base import Request, Versions, Wrapper
from wrappers.command import presets

Version = tuple[int, ...]

_VERSION = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?:\.(\d+))?")


def check_tools(wrappers: Mapping[str, Wrapper], groups: Sequence[Group]) -> list[Finding]:
    """Look for the program of each tool; those that the ``groups`` of this host use must be there.

    A preset that no group uses is only told of where its program is: nobody asked for it.
    """
    needed = {group.tool for group in groups}
    findings = [
        problem(
            f"tool {tool}",
            "is not in this configuration, but has a group here",
            f"describe it under tools.{tool}",
        )
        for tool in sorted(needed - wrappers.keys())
    ]
    offered = set(presets.names()) - needed
    with ThreadPoolExecutor() as pool:
        checked = pool.map(
            lambda tool: (
                _offer(wrappers[tool]) if tool in offered else _check(wrappers[tool], tool in needed)
            ),
            wrappers,
        )
        findings += filter(None, checked)
    return findings + [
        _doubt(wrappers[tool]) for tool in sorted(needed & wrappers.keys()) if not wrappers[tool].is_proven
    ]


def _doubt(wrapper: Wrapper) -> Finding:
    return warning(
        f"tool {wrapper.name}",
        "its output does not tell a success from a failure, so whatever ends with exit code 0 and prints something has "
        "succeeded",
        "give its tasks a check (--check), or describe what its output means under events",
    )


def _offer(wrapper: Wrapper) -> Finding | None:
    """Tell of the program of a preset, if there is one. It may be another program of that name."""
    program = shutil.which(wrapper.program)
    if program is None:
        return None
    version = _version_of(wrapper, program)[1]
    return ok(
        f"tool {wrapper.name}",
        f"found {program}{'' if version is None else f' {_written(version)}'}, which no group here uses: if it is "
        f"{wrapper.name}, `llmctl group add {wrapper.name} main` makes one",
    )


def _check(wrapper: Wrapper, needed: bool) -> Finding:
    subject = f"tool {wrapper.name}"
    program = shutil.which(wrapper.program)
    if program is None and needed:
        return problem(subject, f"{wrapper.program} is not installed on this host", wrapper.install_hint)
    if program is None:
        return ok(subject, "is not installed, and no group here needs it")
    if wrapper.versions is None:
        return ok(subject, program)
    answer, version = _version_of(wrapper, program)
    if version is None:
        why = " ".join(answer.output.split())[-200:]
        return problem(
            subject, f"`{program} --version` failed ({answer.exit_code}): {why}", wrapper.install_hint
        )
    return judge(subject, program, version, wrapper.versions, wrapper.install_hint)


def _version_of(wrapper: Wrapper, program: str) -> tuple[Answer, Version | None]:
    """Return what a program says of its version, and that version if it is one."""
    with tempfile.TemporaryDirectory(prefix="llmctl-check-") as home:
        env = environment.build(
            {}, wrapper.invocation(Request(run_id="", prompt_file="")).env, {"HOME": home}
        ).variables
        answer = ask([program, "--version"], env, Path(home))
    found = _VERSION.search(answer.output) if answer.exit_code == 0 else None
    return answer, None if found is None else tuple(int(part) for part in found.groups() if part is not None)


def judge(subject: str, program: str, version: Version, known: Versions, install_hint: str) -> Finding:
    """Accept a version from the oldest that was seen to the last release of the minor version that was measured."""
    found = f"{program} is {_written(version)}"
    if version < _parse(known.oldest):
        return warning(
            subject, f"{found}, older than any version that was seen ({known.oldest})", install_hint
        )
    if version[:2] > max(map(_parse, (known.measured, *known.also)))[:2]:
        return warning(
            subject,
            f"{found}, newer than the version that was measured ({known.measured})",
            f"try one task; if its end is misread: {install_hint}",
        )
    measured = sorted({known.measured, *known.also}, key=_parse)
    if version in map(_parse, measured):
        return ok(subject, f"{program} {_written(version)}")
    remark = f"this version was not measured; these were: {', '.join(measured)}"
    return ok(subject, f"{program} {_written(version)}; {remark}")


def _written(version: Version) -> str:
    return ".".join(map(str, version))


def _parse(version: str) -> Version:
    return tuple(map(int, version.split(".")))

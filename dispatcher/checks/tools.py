"""Whether each tool's program is there, and whether it is a version whose output we have measured."""

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.checks.groups import Group
from dispatcher.checks.programs import ask
from dispatcher.run import environment
from wrappers import claude, codex, gemini
from wrappers.base import Request, Wrapper

Version = tuple[int, ...]

OLDEST_SEEN = {"claude": "2.1.197", "codex": codex.VERSION, "gemini": gemini.VERSION}
MEASURED = {"claude": claude.VERSION, "codex": codex.VERSION, "gemini": gemini.VERSION}

_VERSION = re.compile(r"(?<![\d.])(\d+)\.(\d+)\.(\d+)")


def check_tools(wrappers: Mapping[str, Wrapper], groups: Sequence[Group]) -> list[Finding]:
    """Look for the program of each tool; ``groups`` are those of this host, which need theirs."""
    needed = {group.tool for group in groups}
    findings = [
        problem(
            f"tool {tool}",
            "is no tool of this configuration, but has a group here",
            f"describe it: tools.{tool}",
        )
        for tool in sorted(needed - wrappers.keys())
    ]
    with ThreadPoolExecutor() as pool:
        return findings + list(pool.map(lambda tool: _check(wrappers[tool], tool in needed), wrappers))


def _check(wrapper: Wrapper, needed: bool) -> Finding:
    subject = f"tool {wrapper.name}"
    program = shutil.which(wrapper.program)
    if program is None and needed:
        return problem(subject, f"{wrapper.program} is not installed on this host", wrapper.install_hint)
    if program is None:
        return ok(subject, "is not installed, and no group here needs it")
    if wrapper.name not in MEASURED:
        return ok(subject, program)
    with tempfile.TemporaryDirectory(prefix="llmctl-check-") as home:
        env = environment.build(
            {}, wrapper.invocation(Request(run_id="", prompt_file="")).env, {"HOME": home}
        ).variables
        answer = ask([program, "--version"], env, Path(home))
    found = _VERSION.search(answer.output)
    if answer.exit_code != 0 or found is None:
        why = " ".join(answer.output.split())[-200:]
        return problem(
            subject, f"`{program} --version` failed ({answer.exit_code}): {why}", wrapper.install_hint
        )
    return judge(wrapper.name, program, tuple(map(int, found.groups())), wrapper.install_hint)


def judge(tool: str, program: str, version: Version, install_hint: str) -> Finding:
    """Compare with what was measured: from the oldest that was seen to the last release of the same minor version."""
    subject, words = f"tool {tool}", ".".join(map(str, version))
    oldest, measured = _parse(OLDEST_SEEN[tool]), _parse(MEASURED[tool])
    if version < oldest:
        return warning(
            subject, f"{program} is {words}, older than any that we know ({OLDEST_SEEN[tool]})", install_hint
        )
    if version[:2] > measured[:2]:
        return warning(
            subject,
            f"{program} is {words}, newer than what we measured ({MEASURED[tool]})",
            f"try one task; if its end is misread: {install_hint}",
        )
    return ok(subject, f"{program} {words}")


def _parse(version: str) -> Version:
    return tuple(map(int, version.split(".")))

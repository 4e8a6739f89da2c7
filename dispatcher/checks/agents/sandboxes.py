"""Whether this host can make the sandboxes that agent CLIs put around what they run."""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from dispatcher.checks.agents.config_homes import config_home_of, found_in
from dispatcher.checks.agents.programs import ask
from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.checks.groups import Group
from wrappers.base import ContainerSandbox, NamespaceSandbox, Wrapper

SUBJECT = "machine"
NAMESPACES = (
    "sysctl kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0"
    " (Ubuntu), or in a container its security options"
)


def check_sandboxes(
    wrappers: Mapping[str, Wrapper], groups: Sequence[Group], inherited: Mapping[str, str] = os.environ
) -> list[Finding]:
    """Look only at what a group of this host needs."""
    path = inherited.get("PATH", os.defpath)
    served = [(wrappers[group.tool], group) for group in groups if group.tool in wrappers]
    findings = [
        problem_found
        for wrapper, group in served
        if isinstance(wrapper.sandbox, ContainerSandbox)
        and (problem_found := _container(wrapper, wrapper.sandbox, group, inherited)) is not None
    ]
    for wrapper in {wrapper.name: wrapper for wrapper, _ in served}.values():
        if isinstance(wrapper.sandbox, NamespaceSandbox):
            program = shutil.which(wrapper.program, path=path)
            findings.append(
                _trial(wrapper.name, program, wrapper.sandbox, path)
                if program
                else _namespaces(wrapper.name, path)
            )
    return findings


def _trial(name: str, program: str, sandbox: NamespaceSandbox, path: str) -> Finding:
    """Have the CLI itself make the sandbox of its profiles read and edit."""
    with tempfile.TemporaryDirectory(prefix="llmctl-check-") as home:
        answer = ask([program, *sandbox.trial], {"PATH": path, "HOME": home}, Path(home))
    if answer.exit_code == 0:
        return ok(SUBJECT, f"{name} can make its sandbox")
    said = [line for line in answer.output.splitlines() if not line.startswith("WARNING")]
    return _cannot(name, f" ({said[0][:200]})" if said else "")


def _namespaces(name: str, path: str) -> Finding:
    """Without the CLI, make the namespaces that its sandbox needs."""
    program = shutil.which("unshare", path=path)
    if program is None:
        return ok(
            SUBJECT,
            f"whether {name} can make its sandbox is not known: neither {name} nor unshare (util-linux) is installed",
        )
    trial = [program, "--user", "--map-root-user", "--mount", "--pid", "--net", "--fork", "true"]
    if ask(trial, {"PATH": path}, Path(tempfile.gettempdir()), 10).exit_code == 0:
        return ok(SUBJECT, f"user namespaces work, so {name} can make its sandbox")
    return _cannot(name, "")


def _cannot(name: str, why: str) -> Finding:
    return warning(
        SUBJECT,
        f"{name} cannot make its sandbox, so every command that it runs fails in the profiles read and edit{why}",
        NAMESPACES,
    )


def _container(
    wrapper: Wrapper, sandbox: ContainerSandbox, group: Group, inherited: Mapping[str, str]
) -> Finding | None:
    """Look for the program that makes the sandbox, if the account's variables or settings want one."""
    home = config_home_of(wrapper, group, inherited)
    wanted, where = group.env.get(sandbox.variable, ""), f"{sandbox.variable} in its env"
    if not wanted:
        wanted, where = found_in(home, sandbox.setting), f"{sandbox.key} in {home / sandbox.setting.path}"
    if wanted.lower() in ("", "false", "0"):
        return None
    programs = (wanted,) if wanted in sandbox.programs else sandbox.programs
    if any(shutil.which(name, path=inherited.get("PATH", os.defpath)) for name in programs):
        return None
    return problem(
        f"group {group.name}",
        f"{wrapper.name} is to make a sandbox with {' or '.join(programs)} ({where}), which is not installed here",
        f"install {programs[0]}, or remove {where}",
    )

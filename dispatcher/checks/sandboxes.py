"""Whether the sandboxes can be made here that agent CLIs put around what they run."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.checks.groups import Group
from dispatcher.checks.programs import ask
from wrappers import gemini
from wrappers.base import Wrapper

SUBJECT = "machine"
CONTAINERS = ("docker", "podman")
NAMESPACES = (
    "sysctl kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0"
    " (Ubuntu), or in a container its security options"
)


def check_sandboxes(
    wrappers: Mapping[str, Wrapper], groups: Sequence[Group], inherited: Mapping[str, str] = os.environ
) -> list[Finding]:
    """Look only at what a group of this host needs."""
    findings = [
        found
        for group in groups
        if group.tool == "gemini" and (found := _of_gemini(group, inherited)) is not None
    ]
    if not any(group.tool == "codex" for group in groups):
        return findings
    path = inherited.get("PATH", os.defpath)
    program = shutil.which(wrappers["codex"].program, path=path) if "codex" in wrappers else None
    return [*findings, _of_codex(program, path) if program else _namespaces(path)]


def _of_codex(program: str, path: str) -> Finding:
    """Have codex itself run `true` in the sandbox of its profiles read and edit: bubblewrap, which it brings along."""
    with tempfile.TemporaryDirectory(prefix="llmctl-check-") as home:
        answer = ask([program, "sandbox", "--", "true"], {"PATH": path, "HOME": home}, Path(home))
    if answer.exit_code == 0:
        return ok(SUBJECT, "codex can make its sandbox")
    said = [line for line in answer.output.splitlines() if not line.startswith("WARNING")]
    return _cannot(f" ({said[0][:200]})" if said else "")


def _namespaces(path: str) -> Finding:
    """Without codex, make the namespaces that its sandbox needs."""
    program = shutil.which("unshare", path=path)
    if program is None:
        return ok(
            SUBJECT,
            "whether codex can make its sandbox is not known: there is neither codex nor unshare (util-linux)",
        )
    trial = [program, "--user", "--map-root-user", "--mount", "--pid", "--net", "--fork", "true"]
    if ask(trial, {"PATH": path}, Path(tempfile.gettempdir()), 10).exit_code == 0:
        return ok(SUBJECT, "user namespaces work, so codex can make its sandbox")
    return _cannot("")


def _cannot(why: str) -> Finding:
    return warning(
        SUBJECT,
        f"codex cannot make its sandbox, so every command of it fails in the profiles read and edit{why}",
        NAMESPACES,
    )


def _of_gemini(group: Group, inherited: Mapping[str, str]) -> Finding | None:
    """gemini makes a sandbox only if the account's settings or variables want one, and ends with 44 if it cannot."""
    home = group.home or Path(inherited.get("HOME", "/"))
    file = home / gemini.SETTINGS_FILE
    wanted, where = group.env.get("GEMINI_SANDBOX", ""), "GEMINI_SANDBOX in its env"
    if not wanted:
        wanted, where = _sandbox_of(file), f"tools.sandbox in {file}"
    if wanted.lower() in ("", "false", "0"):
        return None
    programs = (wanted,) if wanted in CONTAINERS else CONTAINERS
    if any(shutil.which(name, path=inherited.get("PATH", os.defpath)) for name in programs):
        return None
    return problem(
        f"group {group.name}",
        f"gemini is to make a sandbox by {' or '.join(programs)} ({where}), which this host has not",
        f"install {programs[0]}, or take {where} out",
    )


def _sandbox_of(settings: Path) -> str:
    """What gemini's settings say of a sandbox: nothing, true, or the program that makes it."""
    try:
        tools = json.loads(settings.read_text(encoding="utf-8")).get("tools")
    except (OSError, ValueError, AttributeError):
        return ""
    wanted = tools.get("sandbox") if isinstance(tools, dict) else None
    return wanted if isinstance(wanted, str) else "true" if wanted is True else ""

"""Checks of this machine, this user and this environment, as agents will find them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from dispatcher.checks.agents.sandboxes import check_sandboxes
from dispatcher.checks.finding import Finding, ok, warning
from dispatcher.checks.groups import Group
from dispatcher.host import cgroups
from dispatcher.run.preparation.environment import INHERITED
from wrappers.base import Wrapper

SUBJECT = "machine"


def check_machine(
    wrappers: Mapping[str, Wrapper], groups: Sequence[Group], inherited: Mapping[str, str] = os.environ
) -> list[Finding]:
    return [
        *_user(wrappers),
        *_control_groups(),
        *check_sandboxes(wrappers, groups, inherited),
        *check_environment(wrappers, groups, inherited),
    ]


def check_environment(
    wrappers: Mapping[str, Wrapper], groups: Sequence[Group], inherited: Mapping[str, str]
) -> list[Finding]:
    """Report keys in our environment that no agent gets: only a group's reference (``env:NAME``) passes a key on."""
    used = {
        value.removeprefix("env:")
        for group in groups
        for value in group.env.values()
        if value.startswith("env:")
    }
    logins = [wrapper.login for wrapper in wrappers.values() if wrapper.login is not None]
    names = {name for login in logins for name in (*login.variables, *login.mistaken)} | {
        wrapper.config_home_variable for wrapper in wrappers.values() if wrapper.config_home_variable
    }
    findings = [
        ok("environment", f"{name} is set here but not used: agents get only what their group names")
        for name in sorted(names & inherited.keys() - used)
    ]
    findings += [
        warning(
            "environment",
            f"{name} holds a password, which every agent gets and may print",
            "use a proxy without a password",
        )
        for name in INHERITED
        if "proxy" in name.lower() and urlsplit(inherited.get(name, "")).password
    ]
    if any(not Path(part).is_absolute() for part in inherited.get("PATH", os.defpath).split(":")):
        findings.append(
            warning(
                "environment",
                "PATH has a part that is not absolute: what an agent starts then depends on the task's files",
                "remove it where the dispatcher is started",
            )
        )
    return findings


def _user(wrappers: Mapping[str, Wrapper]) -> list[Finding]:
    if os.geteuid() != 0:
        return []
    refusing = [wrapper.name for wrapper in wrappers.values() if wrapper.refuses_full_as_root]
    return [
        warning(
            SUBJECT,
            "the dispatcher runs as root, and so do agents"
            + (f"; permission full does not work as root with {', '.join(refusing)}" if refusing else ""),
            "run the dispatcher as a separate user",
        )
    ]


def _control_groups() -> list[Finding]:
    if cgroups.parent_of_runs() is not None:
        return [
            ok(SUBJECT, "control groups can be made: every process of an agent is found when it is stopped")
        ]
    return [
        warning(
            SUBJECT,
            "no control groups can be made: processes of an agent that clear their environment are not found",
            "systemd: Delegate=yes in the unit; a container: cgroup v2, writable",
        )
    ]

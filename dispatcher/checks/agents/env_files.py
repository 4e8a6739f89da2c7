"""Files of variables that a CLI reads by itself, in addition to what its group gives to it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dispatcher.checks.agents.config_homes import config_home_of
from dispatcher.checks.finding import Finding, warning
from dispatcher.checks.groups import Group
from wrappers.base import Wrapper


def check_env_files(
    wrappers: Mapping[str, Wrapper],
    groups: Sequence[Group],
    work_dir: Path,
    inherited: Mapping[str, str] = os.environ,
) -> list[Finding]:
    """Name each file from which a CLI of this host takes the variables that its group does not have.

    The CLI looks for one in its directory, in all directories above it, and at last in its home (gemini 0.61.0), and
    takes the first. So a key that a person put there for private use pays for the tasks of an account with a login.
    """
    found: dict[Path, Group] = {}
    for group in groups:
        if group.tool in wrappers:
            for file in _read_by(wrappers[group.tool], group, work_dir, inherited):
                found.setdefault(file, group)
    return [
        warning(
            f"group {group.name}",
            f"{group.tool} takes variables from {file} that its group does not have, maybe another account's key",
            "set these variables in the group's env, or move the file away",
        )
        for file, group in found.items()
    ]


def _read_by(wrapper: Wrapper, group: Group, work_dir: Path, inherited: Mapping[str, str]) -> Iterator[Path]:
    places = (work_dir, *work_dir.parents, config_home_of(wrapper, group, inherited))
    return (place / name for place in places for name in wrapper.env_files if (place / name).is_file())

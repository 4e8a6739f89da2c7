"""Files of variables that gemini reads by itself, beside what its group gives to it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dispatcher.checks.finding import Finding, warning
from dispatcher.checks.groups import Group

NAMES = (".gemini/.env", ".env")


def check_env_files(
    groups: Sequence[Group], work_dir: Path, inherited: Mapping[str, str] = os.environ
) -> list[Finding]:
    """Name each file from which a gemini of this host takes the variables that its group does not have.

    It looks for one in its directory, in all above it, and at last in its home (0.61.0), and takes the first. So a
    key that somebody put there for himself pays for the tasks of an account that has a login.
    """
    accounts = [group for group in groups if group.tool == "gemini"]
    found = {file: group for group in reversed(accounts) for file in _read_by(group, work_dir, inherited)}
    return [
        warning(
            f"group {group.name}",
            f"gemini takes variables from {file} that its group does not have, maybe another account's key",
            "name in the group's env what is to count, or move the file away",
        )
        for file, group in found.items()
    ]


def _read_by(group: Group, work_dir: Path, inherited: Mapping[str, str]) -> Iterator[Path]:
    home = group.home or Path(inherited.get("HOME", "/"))
    places = (work_dir, *work_dir.parents, home)
    return (place / name for place in places for name in NAMES if (place / name).is_file())

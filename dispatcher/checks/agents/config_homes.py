"""Config homes of accounts, and what a wrapper finds in their files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from dispatcher.checks.groups import Group
from wrappers.base import HomeFile, Wrapper

Found = TypeVar("Found")


def config_home_of(wrapper: Wrapper, group: Group, variables: Mapping[str, str]) -> Path:
    """Return where the CLI keeps its configuration and login when it works for a group."""
    return group.home or Path(variables.get("HOME", "/"), wrapper.default_config_home or "")


def found_in(home: Path, file: HomeFile[Found]) -> Found:
    """Read a file of a config home; a file that is missing or is not text counts as empty."""
    try:
        text = (home / file.path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        text = ""
    return file.find(text)

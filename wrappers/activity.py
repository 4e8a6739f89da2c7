"""What an agent does at the moment, in the same words for all CLIs."""

import re
import shlex
from pathlib import PurePosixPath

from wrappers.base import Activity
from wrappers.text import one_line

LONGEST = 200
SHELL = re.compile(r"(?:\S*/)?(?:ba|da|z)?sh -l?c ")


def edits(path: str, cwd: str = "") -> Activity:
    return _says("edits", _below(cwd, path))


def reads(path: str, cwd: str = "") -> Activity:
    return _says("reads", _below(cwd, path))


def runs(command: str) -> Activity:
    return _says("runs", _without_shell(command))


def searches(what: str) -> Activity:
    return _says("searches", what)


def fetches(address: str) -> Activity:
    return _says("fetches", address)


def delegates(what: str) -> Activity:
    return _says("delegates", what)


def uses(tool: str) -> Activity:
    return _says("uses", tool)


def retries(reason: str) -> Activity:
    return _says("retries:", reason)


def _says(verb: str, what: str) -> Activity:
    return Activity(one_line(f"{verb} {what}", LONGEST))


def _below(cwd: str, path: str) -> str:
    if cwd and path.startswith("/") and PurePosixPath(path).is_relative_to(cwd):
        return str(PurePosixPath(path).relative_to(cwd))
    return path


def _without_shell(command: str) -> str:
    """Return `pytest -q` for `/bin/bash -lc 'pytest -q'`, as codex shows its commands."""
    shell = SHELL.match(command)
    if shell is None:
        return command
    script = command[shell.end() :][: 4 * LONGEST]  # shlex needs a second for each megabyte
    try:
        words = shlex.split(script)
    except ValueError:
        return script.lstrip("'\"")  # the closing quotation mark was cut off
    return words[0] if len(words) == 1 else script

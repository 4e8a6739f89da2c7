"""An account's config home: it is made before the first run, and after a failure it may hold the cause."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Collection
from functools import partial
from pathlib import Path

import structlog

from dispatcher.configuration.paths import expanded
from dispatcher.errors import UsageError
from dispatcher.host import mounts
from dispatcher.host.host_trouble import SCARCE, when_there_is_room
from dispatcher.run.preparation import environment
from dispatcher.run.preparation.environment import SecretError
from sql.rows.dispatchers import ClaimedRun
from wrappers.base import Wrapper
from wrappers.modes import AuthMode

log = structlog.get_logger()

LONGEST_FAILURE_FILE = 2**20
"""Bytes that are read from the end of the file, where the cause stands."""


def make_config_home(chosen: str | None, wrapper: Wrapper, variables: Collection[str]) -> None:
    """Create an account's config home where it is missing, for its owner alone, with settings. Raises OSError.

    It is made under another name and then renamed, so that no program finds it without its settings. One that exists
    belongs to the person who made it, and nothing in it is touched.
    """
    if chosen is None or (home := Path(chosen)).is_dir():
        return
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{home.name}.", dir=home.parent))
    try:
        for name, text in wrapper.new_home(variables).items():
            file = made / name
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        made.rename(home)
    except OSError:
        with contextlib.suppress(OSError):
            mounts.remove_tree(made)
        if not home.is_dir():  # else another run of the account was faster
            raise


def auth_mode_of(claimed: ClaimedRun, wrapper: Wrapper) -> AuthMode | None:
    """Say how the agent proves who it is, by the variables that its group has; None where nobody knows."""
    if wrapper.login is None:
        return None
    return next((mode for name, mode in wrapper.login.variables.items() if claimed.env.get(name)), "login")


def config_home_of(claimed: ClaimedRun, wrapper: Wrapper) -> Path | None:
    """Find where the CLI keeps its configuration and sessions in this run; None where nobody knows."""
    if wrapper.config_home_variable is None:
        return None
    try:
        home = str(expanded(claimed.config_home)) if claimed.config_home else None
        variables = environment.for_run(claimed, wrapper, home, {}, "").variables
    except (SecretError, UsageError):
        return None
    if wrapper.config_home_variable in variables:
        return Path(variables[wrapper.config_home_variable])
    if wrapper.default_config_home is None or "HOME" not in variables:
        return None
    return Path(variables["HOME"], wrapper.default_config_home)


async def read_failure_file(claimed: ClaimedRun, wrapper: Wrapper, pattern: str | None) -> bytes:
    """Return the end of the file in which the CLI noted why a run failed; empty if there is none."""
    if pattern is None:
        return b""
    what = "looking for a failure file"
    home = await when_there_is_room(what, partial(config_home_of, claimed, wrapper))
    if home is None:
        return b""
    try:
        return await when_there_is_room(what, partial(newest_file, home, pattern), thread=True)
    except OSError as error:
        log.warning("cannot look for a failure file", task=claimed.number, error=str(error))
        return b""


def newest_file(home: Path, pattern: str) -> bytes:
    """Return the end of the newest file below ``home`` that fits ``pattern``; empty if there is none.

    Links and special files are passed over: an agent may have made them. Call it in a thread. Raises OSError when this
    host has no descriptors.
    """
    found = []
    for path in home.glob(pattern):
        try:
            status = path.lstat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            found.append((status.st_mtime_ns, path))
    return _end_of(max(found)[1]) if found else b""


def _end_of(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in SCARCE:
            raise
        return b""
    with os.fdopen(descriptor, "rb") as file:
        file.seek(max(0, os.fstat(descriptor).st_size - LONGEST_FAILURE_FILE))
        return file.read(LONGEST_FAILURE_FILE)

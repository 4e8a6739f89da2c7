"""Files and directories of ours whose modes an agent closed: it runs as our user, and may do that to what is ours.

Root is let in whatever the modes are. Any other user has to open them again first.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from dispatcher.host.host_trouble import SCARCE

Result = TypeVar("Result")


def regain(path: Path) -> bool:
    """Open ``path`` and the two directories above it to ourselves again; return whether a mode was changed.

    Links are not followed, and a file that has another name keeps its mode: the agent may have put either there.
    Raises OSError when this host has no descriptors.
    """
    changed = False
    for place in (path.parent.parent, path.parent, path):
        try:
            changed |= _open_to_us(place)
        except OSError as error:
            if error.errno in SCARCE:
                raise
            break
    return changed


def regaining(path: Path, act: Callable[[], Result]) -> Result:
    """Return what ``act`` returns; if it may not look at ``path``, :func:`regain` that, and call it once more."""
    try:
        return act()
    except PermissionError:
        if not regain(path):
            raise
        return act()


def _open_to_us(place: Path) -> bool:
    descriptor = os.open(place, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            needed = stat.S_IRWXU
        elif stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            needed = stat.S_IRUSR | stat.S_IWUSR
        else:
            return False
        if status.st_mode & needed == needed:
            return False
        with suppress(PermissionError):  # it is somebody else's
            Path(f"/proc/self/fd/{descriptor}").chmod(stat.S_IMODE(status.st_mode) | needed)
            return True
        return False
    finally:
        os.close(descriptor)

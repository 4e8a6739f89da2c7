"""Deleting what was discarded, and nothing that only shows in it: what is mounted there is left, and named."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog
import trio

from dispatcher.host import mounts
from dispatcher.host.threads import in_thread

log = structlog.get_logger()

BATCH = 1000
"""Directories for one `rm`: their names fit in its arguments."""


class Trash:
    """The directory to which discarded workspaces are moved, within their file system."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._told: set[Path] = set()

    def make(self) -> None:
        """Create it, also where an agent put a link in its place: what that leads to is not ours. Raises OSError."""
        if self.directory.is_symlink():
            log.warning("a link in the place of the trash is removed", path=str(self.directory))
            self.directory.unlink()
        self.directory.mkdir(mode=0o700, exist_ok=True)

    async def empty(self) -> bool:
        """Delete what can be deleted; returns whether something that is mounted there keeps a part of it.

        A directory in which something is mounted stays as a whole until that is unmounted. What stays is logged once,
        not at each call.
        """
        left: set[Path] = set()
        try:
            while True:
                # Looked at before each `rm`. The agents are dead, so nothing more is mounted meanwhile.
                entries, held = await in_thread(self._look)
                left |= held.keys()
                batch = [entry for entry in entries if entry not in left][:BATCH]
                if not batch:
                    break
                if not await _delete(batch):
                    left |= {*await in_thread(lambda: list(self.directory.iterdir()))} & {*batch}
        except OSError as error:
            log.warning("what was discarded cannot be deleted", error=str(error))
            return False
        self._tell(left, held)
        return bool(held)

    def _look(self) -> tuple[Sequence[Path], Mapping[Path, Path]]:
        """List what is there, and of the entries in which something is mounted, a mount point in each."""
        self.make()
        real = Path(os.path.realpath(self.directory))
        held = {self.directory / point.relative_to(real).parts[0]: point for point in mounts.below(real)}
        return list(self.directory.iterdir()), held

    def _tell(self, left: set[Path], held: Mapping[Path, Path]) -> None:
        for entry in left - self._told:
            if entry in held:
                log.warning(
                    "something is mounted in a workspace that is done with: the workspace is deleted once it is gone",
                    mounted=str(held[entry]),
                    remedy=f"umount {held[entry]}",
                )
            else:
                log.warning("what was discarded cannot be deleted", path=str(entry))
        self._told = left


async def _delete(directories: Sequence[Path]) -> bool:
    """Delete by `rm`, which leaves the processor to us (40 us a run, Python's rmtree 200); returns whether all is gone.

    It does not delete from directories that are read-only, as caches of Go modules are, so these are opened first where
    it failed.
    """
    remove = ["rm", "-rf", "--one-file-system", "--", *map(str, directories)]
    if await _succeeds(remove):
        return True
    closed = ["-xdev", "-type", "d", "!", "-perm", "-700"]
    await _succeeds(["find", *map(str, directories), *closed, "-exec", "chmod", "u+rwx", "{}", ";"])
    return await _succeeds(remove)


async def _succeeds(command: Sequence[str]) -> bool:
    return (await trio.run_process(command, check=False, stderr=subprocess.DEVNULL)).returncode == 0

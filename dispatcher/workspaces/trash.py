"""Deletes discarded workspaces, but nothing that is mounted in one: such a workspace stays and is logged."""

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
"""Directories for one `rm`: their names fit into its arguments."""


class Trash:
    """The directory to which discarded workspaces are moved, within their file system."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._told: set[Path] = set()

    def make(self) -> None:
        """Create the directory, and remove a link that an agent put in its place. Raises OSError."""
        if self.directory.is_symlink():
            log.warning("removed a link in the place of the trash", path=str(self.directory))
            self.directory.unlink()
        self.directory.mkdir(mode=0o700, exist_ok=True)

    async def empty(self) -> bool:
        """Delete what can be deleted. Return whether a mount keeps some of it from being deleted.

        A directory in which something is mounted stays as a whole until it is unmounted. What stays is logged once, and
        not again at each call.
        """
        left: set[Path] = set()
        try:
            while True:
                # Mounts are read before each `rm`. The agents are dead, so they mount nothing meanwhile.
                entries, held = await in_thread(self._look)
                left |= held.keys()
                batch = [entry for entry in entries if entry not in left][:BATCH]
                if not batch:
                    break
                if not await _delete(batch):
                    left |= {*await in_thread(lambda: list(self.directory.iterdir()))} & {*batch}
        except OSError as error:
            log.warning("a discarded workspace cannot be deleted", error=str(error))
            return False
        self._tell(left, held)
        return bool(held)

    def _look(self) -> tuple[Sequence[Path], Mapping[Path, Path]]:
        """Return all entries, and a mount point for each entry in which something is mounted."""
        self.make()
        real = Path(os.path.realpath(self.directory))
        held = {self.directory / point.relative_to(real).parts[0]: point for point in mounts.below(real)}
        return list(self.directory.iterdir()), held

    def _tell(self, left: set[Path], held: Mapping[Path, Path]) -> None:
        for entry in left - self._told:
            if entry in held:
                log.warning(
                    "something is mounted in a discarded workspace: the workspace is deleted once it is unmounted",
                    mounted=str(held[entry]),
                    remedy=f"umount {held[entry]}",
                )
            else:
                log.warning("a discarded workspace cannot be deleted", path=str(entry))
        self._told = left


async def _delete(directories: Sequence[Path]) -> bool:
    """Delete directories with `rm`, which costs us 40 us a run; Python's rmtree costs 200. Return whether all are gone.

    `rm` does not delete from read-only directories, such as caches of Go modules. If it fails, they are made writable
    and it is called again.
    """
    remove = ["rm", "-rf", "--one-file-system", "--", *map(str, directories)]
    if await _succeeds(remove):
        return True
    closed = ["-xdev", "-type", "d", "!", "-perm", "-700"]
    await _succeeds(["find", *map(str, directories), *closed, "-exec", "chmod", "u+rwx", "{}", ";"])
    return await _succeeds(remove)


async def _succeeds(command: Sequence[str]) -> bool:
    return (await trio.run_process(command, check=False, stderr=subprocess.DEVNULL)).returncode == 0

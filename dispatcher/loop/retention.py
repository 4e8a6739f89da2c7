"""Deleting what nobody needs any more: old output and tasks, their files, logins that ended, lanes without tasks.

Each step takes a few rows and then rests, because everything else is more urgent.
"""

from collections.abc import Sequence
from random import random

import psycopg
import structlog
import trio

from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.database.connection import will_pass
from dispatcher.database.store import Store
from dispatcher.hooks.service import KEEP
from dispatcher.host.threads import in_thread
from dispatcher.workspaces.large_files import LargeFiles
from sql import calls, dispatcher_calls, hook_calls
from sql.call import Call
from sql.rows.dispatchers import PrunedOutput
from sql.rows.people import Pruned

log = structlog.get_logger()

SHARE = 0.05
"""The share of the time in which a statement of ours may run while there is something to delete."""
FILE_SECONDS = 86400.0
"""The least age of a file without a row; a younger file may belong to a run that is not reported yet."""
DIGESTS = 1000
"""Files that one statement asks about."""
LANES = 200
"""Lanes to remove in one statement, for which a claim may have to wait: 3 ms."""


class Retention:
    """Looks at the start, and then about once in ``retention.interval``."""

    def __init__(self, store: Store, configuration: CurrentConfiguration, files: LargeFiles) -> None:
        self._store = store
        self._configuration = configuration
        self._files = files

    async def run(self) -> None:
        """Prune for ever. While the database is away, wait for the next interval: nothing depends on it."""
        while True:
            try:
                await self._prune()
            except (psycopg.DatabaseError, OSError) as error:
                if isinstance(error, psycopg.DatabaseError) and not will_pass(error):
                    raise
                log.warning("old data is deleted later", error=str(error).strip())
            # Dispatchers that were started together drift apart, and then share the work best.
            interval = self._configuration.settings.retention.interval
            await trio.sleep(interval * (0.9 + random() / 5))  # noqa: S311

    async def _prune(self) -> None:
        keep = self._configuration.settings.retention
        if keep.tasks is not None:
            await self._all("tasks", calls.prune_tasks(keep.tasks))
        if keep.output is not None:
            await self._all("output of tasks", dispatcher_calls.prune_output(keep.output))
        # The first also drops what hooks will not be told any more.
        await self._all_of("deliveries to hooks", hook_calls.prune_deliveries(KEEP))
        await self._all_of("logins of browsers", dispatcher_calls.prune_sessions())
        await self._remove_lanes()
        await self._remove_files()

    async def _all(self, what: str, prune: Call[Pruned | PrunedOutput]) -> None:
        count = size = 0
        while True:
            began = trio.current_time()
            pruned = await self._store.call(prune)
            count += pruned.tasks
            size += pruned.bytes
            if not pruned.tasks:
                break
            await _rest(began)
        if count:
            log.info("deleted old data", what=what, count=count, bytes=size)

    async def _all_of(self, what: str, prune: Call[int]) -> None:
        """Delete what nobody misses, until there is nothing more."""
        count, pruned = 0, 1
        while pruned:
            began = trio.current_time()
            pruned = await self._store.call(prune)
            count += pruned
            await _rest(began)
        if count:
            log.info("deleted old data", what=what, count=count)

    async def _remove_lanes(self) -> None:
        """Remove lanes without tasks, and what the claim stores for them.

        Lanes that become empty meanwhile are left for the next time: busy systems always have some.
        """
        count = 0
        while True:
            began = trio.current_time()
            removed = await self._store.call(dispatcher_calls.prune_lanes(LANES))
            count += removed
            if removed < LANES:
                break
            await _rest(began)
        if count:
            log.info("removed lanes without tasks", count=count)

    async def _remove_files(self) -> None:
        """Remove files that no row names. If a run is storing one at this moment, leave all for the next time."""
        with self._files.alone() as alone:
            old = await in_thread(self._files.older_than, FILE_SECONDS) if alone else []
            for start in range(0, len(old), DIGESTS):
                unneeded = await self._store.call(
                    dispatcher_calls.unreferenced_files(old[start : start + DIGESTS])
                )
                await in_thread(self._remove, unneeded)
                if unneeded:
                    log.info("removed large files of tasks that are gone", count=len(unneeded))

    def _remove(self, digests: Sequence[str]) -> None:
        for digest in digests:
            self._files.remove(digest)


async def _rest(began: float) -> None:
    """Sleep until the step that began at ``began`` has taken no more than our share of the time."""
    await trio.sleep((trio.current_time() - began) * (1 / SHARE - 1))

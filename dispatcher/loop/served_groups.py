"""The worker groups that we serve, and which of them cannot run on this host."""

import math
from collections.abc import Mapping

import structlog
import trio

from dispatcher.backoff import Backoff
from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.configuration.grants import refused_rights
from dispatcher.database.store import Store
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.threads import in_thread
from dispatcher.run.preparation.usable_here import why_unusable
from sql import calls, dispatcher_calls

log = structlog.get_logger()


LONGEST_PAUSE = 3600.0
"""Seconds; see :class:`ServedGroups`."""


class ServedGroups:
    """Closes the groups that this host lacks something for, and opens them again once it is there.

    As long as something is missing, :meth:`run` looks for it once in each heartbeat interval. A run may find a group
    unusable although nothing seems to be missing: a program was just replaced, or it lacks its interpreter. Such a
    group is tried again after an interval, and each time that it fails again after twice as long, at most an hour.

    It also tells the log of groups whose runs are all throttled for long: once, until one gets through.
    """

    def __init__(self, store: Store, configuration: CurrentConfiguration) -> None:
        self._store = store
        self._configuration = configuration
        self._served: set[str] = set()
        self._lacking: set[str] = set()
        self._trials: dict[str, _Trials] = {}
        self._throttled: set[str] = set()
        self._is_reloaded = False
        self._is_throttled = False
        self._news = AutoResetEvent()

    async def look(self) -> None:
        """Look at all groups, say which of them we serve and what is missing, and what we refuse to every task."""
        _, reasons = await self._reasons()
        served = await self._store.patiently(
            "closing groups",
            dispatcher_calls.close_groups(
                self._store.dispatcher_id, reasons, refused_rights(self._configuration.settings)
            ),
        )
        self._served = {group.group_name for group in served}
        self._lacking = self._served & reasons.keys()
        usable = [group.group_name for group in served if group.reason is None]
        if usable:
            log.info("serving worker groups", groups=usable)
        for group in served:
            if group.reason is not None:
                log.warning("a worker group cannot run here", group=group.group_name, why=group.reason)
        if not served:
            log.warning(
                "there is no worker group for this dispatcher, so nothing runs",
                what_to_do="install an agent CLI and start again, or add a group: `llmctl group add TOOL NAME`",
            )

    def reloaded(self) -> None:
        """Look at everything again: the configuration has changed."""
        self._is_reloaded = True
        self._news.set()

    def closed(self, group: str) -> None:
        """Look whether something is missing for a group that a run could not use."""
        self._served.add(group)
        interval = self._configuration.settings.dispatcher.heartbeat_interval
        self._trials.setdefault(group, _Trials(interval)).fail()
        self._news.set()

    def throttled(self) -> None:
        """Look whether a group is throttled for long: a run was, and the database has counted it."""
        self._is_throttled = True
        self._news.set()

    async def run(self) -> None:
        while True:
            interval = self._configuration.settings.dispatcher.heartbeat_interval
            next_look = trio.current_time() + interval if self._lacking else math.inf
            await self._news.wait(until=min([next_look, *(trials.due for trials in self._trials.values())]))
            if self._is_throttled:
                self._is_throttled = False
                await self._look_at_throttled()
            if self._is_reloaded:
                self._is_reloaded = False
                await self.look()
            else:
                await self._look_again()

    async def _look_again(self) -> None:
        due = {group for group, trials in self._trials.items() if trials.due <= trio.current_time()}
        for group in due:
            self._trials[group].begin()
        known, reasons = await self._reasons()
        for group in sorted((self._lacking | due) & known - reasons.keys()):
            has_it = group in self._lacking
            log.info(f"a worker group {'can run here' if has_it else 'is tried'} again", group=group)
            reopening = calls.reopen_group(group, dispatcher=self._store.dispatcher_id)
            await self._store.patiently("opening a group again", reopening)
        self._lacking = self._served & reasons.keys()

    async def _look_at_throttled(self) -> None:
        groups = await self._store.patiently("reading the groups", calls.list_groups())
        throttled = {
            group.group_name: group
            for group in groups
            if group.throttled_s is not None and group.group_name in self._served
        }
        for name in throttled.keys() - self._throttled:
            group = throttled[name]
            log.warning(
                "all runs of a worker group are throttled",
                group=name,
                runs=group.throttled_runs,
                for_s=group.throttled_s,
                what_to_do=f"give it fewer slots (`llmctl group set {name} --max N`), or add another account",
            )
        self._throttled = set(throttled)

    async def _reasons(self) -> tuple[set[str], Mapping[str, str]]:
        """Return all groups, and what is missing by group. A key may be on a file system that hangs: a thread looks."""
        groups = await self._store.patiently("reading the groups", calls.list_groups())
        reasons = await in_thread(why_unusable, groups, self._configuration.wrappers)
        return {group.group_name for group in groups}, reasons


class _Trials:
    """When a group is tried again that a run found unusable: ``due``, on trio's clock, or never."""

    def __init__(self, shortest: float) -> None:
        self._pauses = Backoff(shortest, LONGEST_PAUSE)
        self._began = trio.current_time()
        self.due = math.inf

    def fail(self) -> None:
        """Plan the next trial. Several runs may fail in one."""
        if self.due == math.inf:
            now = trio.current_time()
            self.due = now + self._pauses.next(now - self._began)

    def begin(self) -> None:
        self._began, self.due = trio.current_time(), math.inf

"""No process outlives its run: those that agents leave behind are found and killed, also after a crash of ours."""

import math
from pathlib import Path

import structlog
import trio

from dispatcher.backoff import Backoff
from dispatcher.host import cgroups
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.survivors import groups_of, kill_left_over, kill_run
from dispatcher.host.threads import in_thread

log = structlog.get_logger()

LOOK_PAUSE = 1.0
"""Seconds between two looks at all processes of the machine; runs that end meanwhile share the next look."""
RARE_LOOK_PAUSE = 10.0
"""Seconds until that look if all processes of a run began in its control group and the group is empty.

Only a process that moved to another group can be left then. On a machine with 2,000 processes a look takes 10 to
28 ms, twice in this time.
"""
KILL_SECONDS = 2.0
LONGEST_PAUSE = 60.0
"""Seconds between two attempts to kill what does not die."""


class Sweeper:
    """Knows which runs may have processes, and kills all others of the same work directory.

    ``owner`` marks the processes of this work directory and database. ``parent`` is the group in which the control
    groups of runs are made, None where none can be made.
    """

    def __init__(self, owner: str, parent: Path | None) -> None:
        self.owner = owner
        self.parent = parent
        self._alive: dict[str, Path | None] = {}
        self._groups_left: list[Path] = []
        self._next_look = math.inf
        self._rescheduled = AutoResetEvent()

    def begin(self, run_id: str) -> None:
        """Leave the processes of this run alone from now on."""
        self._alive[run_id] = None

    def group_for(self, run_id: str) -> Path | None:
        """Make the control group of a run that begins; None if that is not possible."""
        if self.parent is None:
            return None
        group = self.parent / f"{self._prefix}{run_id}"
        try:
            group.mkdir(exist_ok=True)
        except OSError as error:
            log.warning("no control group could be made", error=str(error))
            return None
        self._alive[run_id] = group
        return group

    def adopt_group(self, run_id: str, group: str | None) -> None:
        """Use the control group that an earlier dispatcher made for a run; ``group`` is what the run record says.

        The agent can write to that record: it must not make us kill a group of somebody else.
        """
        name = f"{self._prefix}{run_id}"
        if group is not None and Path(group).name == name and cgroups.is_one(Path(group)):
            self._alive[run_id] = Path(group)
        elif self.parent is not None:
            self._alive[run_id] = self.parent / name

    async def kill(self, run_id: str) -> None:
        """Kill all processes of a run; return when none is left. Until then the run must keep its slot."""
        backoff = Backoff(LOOK_PAUSE, LONGEST_PAUSE)
        while not await self._kill(run_id):
            pause = backoff.next()
            log.error("processes of a run do not die: it keeps its slot", run=run_id, again_in_s=pause)
            await trio.sleep(pause)

    async def _kill(self, run_id: str) -> bool:
        """Return whether no process is left: one may hang in the kernel, and where we cannot look one may be left."""
        group = self._alive.get(run_id)
        try:
            emptied = group is None or await in_thread(cgroups.kill, group, KILL_SECONDS)
            return not (await in_thread(kill_run, run_id)).alive and emptied
        except OSError as error:
            log.warning("cannot look for processes", run=run_id, error=str(error))
            return False

    def over(self, run_id: str, *, contained: bool) -> None:
        """Kill what is left of a run that has ended. ``contained``: all of its processes began in its control group."""
        group = self._alive.pop(run_id, None)
        if group is not None and not cgroups.remove_childless(group):
            self._groups_left.append(group)
            contained = False
        self._look_within(RARE_LOOK_PAUSE if contained else 0)

    def look_for_leftovers(self) -> None:
        """Kill what is left of runs that ended while nobody watched, such as those that were given up as lost."""
        if self.parent is not None:
            for group in self.parent.glob(f"{self._prefix}*"):
                if group.name.removeprefix(self._prefix) not in self._alive:
                    self._groups_left.append(group)
        self._look_within(0)

    async def run(self) -> None:
        while True:
            await self._rescheduled.wait(until=self._next_look)
            if self._next_look <= trio.current_time():
                await self.finish()
                await trio.sleep(LOOK_PAUSE)

    async def finish(self) -> None:
        """Do now what would be due later."""
        if self._next_look == math.inf:
            return
        self._next_look = math.inf
        groups, self._groups_left = self._groups_left, []
        try:
            while groups:
                await self._empty(groups[-1])
                groups.pop()
            await self._kill_what_is_over()
        except Exception:
            self._groups_left += groups
            self._look_within(LOOK_PAUSE)
            raise

    async def _empty(self, group: Path) -> None:
        populated = cgroups.is_populated(group)
        if not await in_thread(cgroups.kill, group, KILL_SECONDS):
            log.error("processes that an agent left behind do not die", group=str(group))
            self._groups_left.append(group)
            self._look_within(LONGEST_PAUSE)
        elif populated:
            log.warning("killed what an agent left behind", run=group.name.removeprefix(self._prefix))

    async def _kill_what_is_over(self) -> None:
        try:
            sweep = await in_thread(kill_left_over, self.owner, self._is_over)
        except OSError as error:
            log.warning("cannot look for processes that agents left behind", error=str(error))
            self._look_within(RARE_LOOK_PAUSE)
            return
        for run_id in sorted(set(sweep.killed)):
            log.warning("killed what an agent left behind", run=run_id)
        if sweep.alive:
            log.error("processes that agents left behind do not die", runs=sorted(sweep.alive))
            self._look_within(LONGEST_PAUSE)

    def _look_within(self, seconds: float) -> None:
        look_at = trio.current_time() + seconds
        if look_at < self._next_look:
            self._next_look = look_at
            self._rescheduled.set()

    def _is_over(self, run_id: str) -> bool:
        return run_id not in self._alive

    @property
    def _prefix(self) -> str:
        return groups_of(self.owner)

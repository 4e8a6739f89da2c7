"""Nothing of a run outlives it: what agents leave behind is found and killed, also after a crash of ours."""

import math
from pathlib import Path

import structlog
import trio

from dispatcher.backoff import Backoff
from dispatcher.host import cgroups
from dispatcher.host.survivors import kill_left_over, kill_run
from dispatcher.host.threads import in_thread

log = structlog.get_logger()

LOOK_PAUSE = 1.0
"""Seconds between two looks at all processes of the machine; runs that end meanwhile share the next look."""
RARE_LOOK_PAUSE = 10.0
"""Seconds that a run whose processes were all in its control group waits for that look: of these only one that went
to another group can be left. On a machine with 2,000 processes a look is 10 to 28 ms, twice in this time."""
KILL_SECONDS = 2.0
LONGEST_PAUSE = 60.0
"""Seconds between two attempts to kill what does not die."""


class Sweeper:
    """Knows which runs may have processes, and ends all others of the same work directory.

    ``owner`` marks the processes of this work directory and database. ``parent`` is where control groups are made,
    None where they cannot be.
    """

    def __init__(self, owner: str, parent: Path | None) -> None:
        self.owner = owner
        self._parent = parent
        self._alive: dict[str, Path | None] = {}
        self._groups_left: list[Path] = []
        self._look_at = math.inf
        self._news = trio.Event()

    def begin(self, run_id: str) -> None:
        """From now on processes of this run are wanted."""
        self._alive[run_id] = None

    def group_for(self, run_id: str) -> Path | None:
        """Make the control group of a run that begins."""
        if self._parent is None:
            return None
        group = self._parent / f"{self._prefix}{run_id}"
        try:
            group.mkdir(exist_ok=True)
        except OSError as error:
            log.warning("no control group could be made", error=str(error))
            return None
        self._alive[run_id] = group
        return group

    def adopt_group(self, run_id: str, group: str | None) -> None:
        """Take the control group that an earlier dispatcher made for a run; None where its record does not tell.

        That record is within reach of the agent: what it says must not make us kill a group of somebody else.
        """
        name = f"{self._prefix}{run_id}"
        if group is not None and Path(group).name == name and cgroups.is_one(Path(group)):
            self._alive[run_id] = Path(group)
        elif self._parent is not None:
            self._alive[run_id] = self._parent / name

    async def kill(self, run_id: str) -> None:
        """Kill all processes of a run, and return when none is left; until then the run must keep its slot."""
        backoff = Backoff(LOOK_PAUSE, LONGEST_PAUSE)
        while not await self._kill(run_id):
            pause = backoff.next()
            log.error("processes of a run do not die: it keeps its slot", run=run_id, again_in_s=pause)
            await trio.sleep(pause)

    async def _kill(self, run_id: str) -> bool:
        """Answers whether none is left: one that hangs in the kernel is, and where we cannot look one may be."""
        group = self._alive.get(run_id)
        try:
            emptied = group is None or await in_thread(cgroups.kill, group, KILL_SECONDS)
            return not (await in_thread(kill_run, run_id)).alive and emptied
        except OSError as error:
            log.warning("cannot look for processes", run=run_id, error=str(error))
            return False

    def over(self, run_id: str, *, contained: bool) -> None:
        """The run has ended: what is left of it goes. ``contained``: all of its processes began in its group."""
        group = self._alive.pop(run_id, None)
        if group is not None and not cgroups.remove_childless(group):
            self._groups_left.append(group)
            contained = False
        self._look_within(RARE_LOOK_PAUSE if contained else 0)

    def look_for_leftovers(self) -> None:
        """End what runs left that ended while nobody watched, such as those that were given up for lost."""
        if self._parent is not None:
            for group in self._parent.glob(f"{self._prefix}*"):
                if group.name.removeprefix(self._prefix) not in self._alive:
                    self._groups_left.append(group)
        self._look_within(0)

    async def run(self) -> None:
        while True:
            with trio.move_on_at(self._look_at):
                await self._news.wait()
            self._news = trio.Event()
            if self._look_at <= trio.current_time():
                await self.finish()
                await trio.sleep(LOOK_PAUSE)

    async def finish(self) -> None:
        """Do now what there is to do."""
        if self._look_at == math.inf:
            return
        self._look_at = math.inf
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
        if look_at < self._look_at:
            self._look_at = look_at
            self._news.set()

    def _is_over(self, run_id: str) -> bool:
        return run_id not in self._alive

    @property
    def _prefix(self) -> str:
        return f"llmctl-{self.owner}-"

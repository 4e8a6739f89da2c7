"""Nothing of a run outlives it: what agents leave behind is found and killed, also after a crash of ours."""

from pathlib import Path

import structlog
import trio

from dispatcher.run import cgroups
from dispatcher.run.survivors import kill_left_over, kill_run
from dispatcher.threads import in_thread

log = structlog.get_logger()

LOOK_PAUSE = 1.0
"""Seconds between two looks at all processes of the machine; runs that end meanwhile share the next look."""
KILL_SECONDS = 2.0


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
        self._work = trio.Event()

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
        if group is not None and Path(group).name == name:
            self._alive[run_id] = Path(group)
        elif self._parent is not None:
            self._alive[run_id] = self._parent / name

    async def kill(self, run_id: str) -> None:
        """Kill all processes of a run that is being stopped, and return when they are gone."""
        group = self._alive.get(run_id)
        if group is not None and not await in_thread(cgroups.kill, group, KILL_SECONDS):
            log.error("processes do not die: they hang in the kernel", run=run_id, group=str(group))
        await in_thread(kill_run, run_id)

    def over(self, run_id: str, *, contained: bool) -> None:
        """The run has ended: what is left of it goes. ``contained``: all of its processes were in its group."""
        group = self._alive.pop(run_id, None)
        if group is not None and not cgroups.remove(group):
            self._groups_left.append(group)
            self._work.set()
        if not contained:
            self._work.set()

    def look_for_leftovers(self) -> None:
        """End what runs left that ended while nobody watched, such as those that were given up for lost."""
        if self._parent is not None:
            for group in self._parent.glob(f"{self._prefix}*"):
                if group.name.removeprefix(self._prefix) not in self._alive:
                    self._groups_left.append(group)
        self._work.set()

    async def run(self) -> None:
        while True:
            await self._work.wait()
            await self.finish()
            await trio.sleep(LOOK_PAUSE)

    async def finish(self) -> None:
        """Do now what there is to do."""
        if not self._work.is_set():
            return
        self._work = trio.Event()
        groups, self._groups_left = self._groups_left, []
        done = False
        try:
            for group in groups:
                populated = cgroups.is_populated(group)
                if await in_thread(cgroups.kill, group, KILL_SECONDS) and populated:
                    log.warning("killed what an agent left behind", run=group.name.removeprefix(self._prefix))
            for run_id in set(await in_thread(kill_left_over, self.owner, self._is_over)):
                log.warning("killed what an agent left behind", run=run_id)
            done = True
        finally:
            if not done:  # whatever failed, the next time it is looked for again
                self._groups_left += groups
                self._work.set()

    def _is_over(self, run_id: str) -> bool:
        return run_id not in self._alive

    @property
    def _prefix(self) -> str:
        return f"llmctl-{self.owner}-"

"""One process of a run, from its start or adoption to its end: the agent, or a command before or after it.

Each has a run record in a directory of its own, from which the next dispatcher learns how far it got.
"""

import contextlib
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog
import trio

from dispatcher.host import linux
from dispatcher.host.host_trouble import when_there_is_room
from dispatcher.host.survivors import Marks
from dispatcher.run.adoption import find_process
from dispatcher.run.context import RunContext
from dispatcher.run.process.agent_process import AgentProcess, NotWatchedError
from dispatcher.run.process.held_process import HeldProcess
from dispatcher.run.process.launch import Launch
from dispatcher.run.stop_request import StopRequest
from dispatcher.workspaces import run_record
from dispatcher.workspaces.run_record import Header, Reading, StopReason
from sql.rows.dispatchers import ClaimedRun
from wrappers.base import GentleStop

log = structlog.get_logger()

NOT_WATCHED = 0.05
"""Seconds after its start in which a process is only waited for: to watch one that short costs a tenth of its work."""
STARTING = 1.0
"""Seconds in which a start that was under way is over, unless somebody stopped the watcher: it starts nothing then."""
STANDSTILL = 5.0
"""Seconds after which a start that is still under way, or an end that is not noted, has a shim that stands still."""
SETTLING = 10.0
"""Seconds that the watcher of a process that is gone may need to say so; only one that was stopped needs longer."""


class Supervised:
    """The process whose run record is in ``directory``.

    ``process`` is None until it is started or found alive. ``began`` is when it was started, in seconds since boot, and
    ``stopped`` why we stopped it, if we did.
    """

    def __init__(self, claimed: ClaimedRun, directory: Path, context: RunContext, stop: StopRequest) -> None:
        self.process: AgentProcess | None = None
        self.began = linux.seconds_since_boot()
        self.stopped: StopReason | None = None
        self._claimed = claimed
        self._directory = directory
        self._context = context
        self._stop = stop
        self._is_adopted = False

    async def start(self, what: Launch, *, by_shell: bool) -> None:
        """Create the run record and start it; see :meth:`Starter.start`. Raises :class:`NotStartedError`."""
        claimed = self._claimed
        group = self._context.sweeper.group_for(claimed.run_id)
        self.began = linux.seconds_since_boot()
        header = Header(
            run_id=claimed.run_id,
            number=claimed.number,
            run_no=claimed.run_no,
            tool=claimed.tool,
            boot_id=linux.boot_id(),
            launched=self.began,
            group=str(group) if group is not None else None,
        )
        what = replace(what, group=group, open_files=self._context.open_files)
        try:
            self.process = await self._context.starter.start(self._directory, header, what, by_shell=by_shell)
        except NotWatchedError:
            await self._context.sweeper.kill(claimed.run_id)
            raise

    async def find(self, within: float) -> tuple[Reading, HeldProcess | None]:
        """Find out how far it got under another dispatcher, and hold it if it is alive.

        A shim that was stopped before it read the request is told to go on, and otherwise the run is taken back.
        A stop, and the end of ``within`` seconds, end the wait for a record that stays silent. It counts as dead then.
        """
        self._is_adopted = True
        with self._stop.preliminary(trio.current_time() + within):
            reading, process = await self._find()
            self.process = process
            return reading, process
        self.stopped = self._stop.reason or "timeout"
        with contextlib.suppress(OSError), trio.move_on_after(STARTING):
            run_record.note_stop(self._directory, self.stopped)  # a shim starts nothing behind this
            await run_record.read_settled(self._directory)
        return Reading("dead"), None

    async def _find(self) -> tuple[Reading, HeldProcess | None]:
        marks = Marks(self._claimed.run_id, self._context.sweeper.owner)
        with trio.move_on_after(STANDSTILL):
            return await find_process(self._directory, marks)
        await self._context.starter.wake_others()
        with trio.move_on_after(STANDSTILL):
            return await find_process(self._directory, marks)
        with contextlib.suppress(OSError):
            if run_record.withhold(self._directory):
                log.warning("a run was taken back from a shim that stands still", task=self._claimed.number)
                return Reading("never_started"), None
        return await find_process(self._directory, marks)

    async def end(self, due: float, how: GentleStop, follow: Callable[[], Awaitable[None]]) -> Reading:
        """Wait for its end, and return how it ended; stop it when somebody asks for that, and when ``due`` is over.

        ``due`` is in seconds since boot. ``follow`` reads what it prints, until cancelled.
        """
        process = self.process
        exit_code = None
        if process is not None:
            with process:
                exit_code = await self._watch(process, due, how, follow)
        if self._is_adopted:
            reading = await self._read_released()
            reason = reading.stop_reason or self.stopped
            return replace(reading, pid=process.pid if process is not None else None, stop_reason=reason)
        if process is None:  # nobody could watch it, so it was killed
            return Reading("dead")
        reading = process.reading or await self._read()
        return replace(reading, pid=process.pid, exit_code=exit_code, stop_reason=self.stopped)

    def reap(self) -> None:
        """Reap our own child if it has ended, so that its pid becomes free."""
        if self.process is not None:
            self.process.reap()

    async def _watch(
        self, process: AgentProcess, due: float, how: GentleStop, follow: Callable[[], Awaitable[None]]
    ) -> int | None:
        """Return the exit code, if known, once it has ended by itself or because it was stopped.

        A shim or a shell that was killed has not seen the process end: it may go on, so it is killed before the task
        can begin again.
        """
        with self._stop.preliminary(trio.current_time() + NOT_WATCHED) as short:
            exit_code = await process.end()
        if short.cancelled_caught:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._stop_when_due, process, due, how)
                nursery.start_soon(follow)
                exit_code = await process.end()
                nursery.cancel_scope.cancel()
        if self.stopped is not None or exit_code is None:
            await self._context.sweeper.kill(self._claimed.run_id)
        return exit_code

    async def _stop_when_due(self, process: AgentProcess, due: float, how: GentleStop) -> None:
        """Stop it when somebody asks for it or its time is over: first gently, then with SIGKILL."""
        self.stopped = await self._stop.wait(due)
        log.info("stopping run", task=self._claimed.number, reason=self.stopped)
        try:
            run_record.note_stop(self._directory, self.stopped)
        except OSError as error:
            log.error("cannot note the stop of a run", task=self._claimed.number, error=str(error))
        process.signal_group(how.signal)
        await trio.sleep(how.grace)
        process.signal_group(signal.SIGKILL)
        await self._context.sweeper.kill(self._claimed.run_id)

    async def _read_released(self) -> Reading:
        """Read the run record once its watcher has let go of it: the shim does that a moment after the end."""
        settled = partial(run_record.read_settled, self._directory, lambda reading: not reading.held)
        with contextlib.suppress(OSError):
            with trio.move_on_after(STANDSTILL):
                return await settled()
            await self._context.starter.wake_others()
            with trio.move_on_after(SETTLING):
                return await settled()
        return await self._read()

    async def _read(self) -> Reading:
        """Read the run record; if the agent put something else in its place, the run counts as dead."""
        read = partial(run_record.read, self._directory)
        try:
            return await when_there_is_room("reading a run record", read)
        except OSError:
            return Reading("dead")

"""Checking the work of an agent: the check runs once, and again where it is not to blame for how it ended."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import structlog
import trio

from dispatcher.backoff import Backoff
from dispatcher.host.host_trouble import TASK_PAUSE, lacks_room
from dispatcher.host.threads import in_thread
from dispatcher.run.commands.command_process import CommandProcess
from dispatcher.run.output.masking import Masking
from dispatcher.run.preparation.refusals import NotStartedError
from dispatcher.run.process.agent_process import NotWatchedError
from dispatcher.run.stop_request import StopRequest
from sql.rows.changes import CommandResult

log = structlog.get_logger()

MOST_VANISHED = 8
"""How often a check runs whose end nobody sees. Nobody else is killed so often: it kills what watches over it."""
VANISHED = f"the check was killed {MOST_VANISHED} times, and so was what watched over it"
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
"""Seconds until a check runs again whose end nobody saw."""


class Check:
    """A check that ``process`` has found under another dispatcher, or is to start. ``places`` must have room for it."""

    def __init__(
        self, process: CommandProcess, masking: Masking, places: Sequence[Path], stop: StopRequest
    ) -> None:
        self._process = process
        self._masking = masking
        self._places = places
        self._stop = stop

    async def run(self, environment: Mapping[str, str]) -> CommandResult | None:
        """Return how it ended; None if the run was stopped before it began.

        The agent's work is done and paid for. So while this host has no room for a check it waits, and a check that
        failed without room runs again. So does a check whose end nobody saw, after growing pauses.
        """
        process = self._process
        pauses = Backoff(SHORTEST_PAUSE, LONGEST_PAUSE)
        start = process.start
        is_under_way = process.was_found
        try:
            while True:
                if not is_under_way and not await self._begin(start, environment):
                    return None
                result = await process.end(self._masking)
                if self._stop.reason is not None:
                    return result
                if result is not None and (result.verdict != "failed" or not await self._waited_for_room()):
                    return result
                if result is None:
                    if process.note_vanished() >= MOST_VANISHED:
                        return process.result("failed", VANISHED, self._masking)
                    log.warning("nobody saw how a check ended: it runs again")
                    with self._stop.preliminary():
                        await trio.sleep(pauses.next())
                start, is_under_way = process.start_again, False
        except NotStartedError as error:
            return process.result("failed", str(error), self._masking)

    async def _waited_for_room(self) -> bool:
        """Wait while the disk is full; return whether it was."""
        was_full = False
        while self._stop.reason is None and (lacking := await in_thread(lacks_room, self._places)):
            was_full = True
            log.warning("a check waits for room", why=lacking, retry_in_s=TASK_PAUSE)
            with self._stop.preliminary():
                await trio.sleep(TASK_PAUSE)
        return was_full

    async def _begin(
        self, start: Callable[[Mapping[str, str]], Awaitable[None]], environment: Mapping[str, str]
    ) -> bool:
        """Start it as soon as this host has room for it; return False if the run was stopped before.

        Perhaps it was started, and nobody can watch it: then it has been killed, and its end is one that nobody saw.
        """
        while self._stop.reason is None:
            try:
                await start(environment)
            except NotWatchedError:
                return True
            except NotStartedError as error:
                if error.error_class != "no_resources":
                    raise
                log.warning("a check waits for room", why=str(error), retry_in_s=TASK_PAUSE)
                with self._stop.preliminary():
                    await trio.sleep(TASK_PAUSE)
            else:
                return True
        return False

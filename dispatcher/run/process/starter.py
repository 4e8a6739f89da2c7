"""Starting agents: by the shim, which needs no process of ours for each, or by a shell of their own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog
import trio

from dispatcher.host import spawn
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.threads import in_thread
from dispatcher.run.preparation.refusals import cannot
from dispatcher.run.process.agent_process import AgentProcess
from dispatcher.run.process.held_process import HeldProcess
from dispatcher.run.process.launch import Launch
from dispatcher.run.process.shim_client import Shim
from dispatcher.run.process.standstill import let_go_on
from dispatcher.workspaces.run_record import Header, RunRecord

log = structlog.get_logger()

PAUSE = 60.0
"""Seconds without a shim after one that died before it was of any use."""


class Starter:
    """Starts agents by a shim while :meth:`run` runs. A shim that was killed with its keeper is replaced."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shim: Shim | None = None
        self._unheard: list[Shim] = []
        self._begun = AutoResetEvent()
        self._pause_ends = 0.0

    async def run(self) -> None:
        """Hear what shims answer."""
        async with trio.open_nursery() as nursery:
            while True:
                await self._begun.wait()
                while self._unheard:
                    nursery.start_soon(self._hear, self._unheard.pop())

    async def _hear(self, shim: Shim) -> None:
        def replace() -> None:
            """Start nothing more by this one: it may see its agents end, but if it is killed, nobody does."""
            if self._shim is shim:
                self._shim = None

        try:
            was_killed = await shim.listen(replace)
        finally:
            replace()
        if not shim.is_useful:
            self._pause_ends = trio.current_time() + PAUSE
        if was_killed:
            log.warning(
                "shim and keeper were killed: agents that they had left are stopped, and their runs are lost"
            )

    async def start(self, directory: Path, header: Header, what: Launch, *, by_shell: bool) -> AgentProcess:
        """Create the run record and start the agent. Raises :class:`NotStartedError`.

        ``by_shell``: opening its files may take for ever, so that nobody else may wait for that.
        """
        try:
            record = RunRecord.create(directory, header)
        except OSError as error:
            raise cannot("no process could be started", error) from error
        with ExitStack() as stack:
            stack.callback(record.close)
            shim = None if by_shell else self._usable_shim(into_group=what.group is not None)
            if shim is not None and (process := await shim.start(what, record, header.run_id)) is not None:
                stack.pop_all()  # it closes the record itself
                return process
            # Whatever the shim could not do, a shell can, or says why not.
            return await in_thread(HeldProcess.start, what, record)

    async def wake_others(self) -> None:
        """Continue what watches over agents of earlier dispatchers, in case that somebody stopped it."""
        await in_thread(let_go_on, self._name)

    def begin(self) -> None:
        """Start a shim, so that the first agent need not wait for it."""
        self._usable_shim(into_group=False)

    def close(self) -> None:
        """Leave the shim alone: it ends when its last agent has ended."""
        if self._shim is not None:
            self._shim.close()

    def _usable_shim(self, *, into_group: bool) -> Shim | None:
        if not spawn.can_spawn(into_group=into_group):
            return None
        if self._shim is None and trio.current_time() >= self._pause_ends:
            try:
                self._shim = Shim(self._name)
                self._unheard.append(self._shim)
            except OSError as error:
                self._pause_ends = trio.current_time() + PAUSE
                log.warning("no shim can be started: each agent gets a shell", error=str(error))
            self._begun.set()
        return self._shim


@contextmanager
def starting(name: str) -> Iterator[Starter]:
    """Make a starter whose shim is left alone at the end of the ``with`` block."""
    starter = Starter(name)
    starter.begin()
    try:
        yield starter
    finally:
        starter.close()

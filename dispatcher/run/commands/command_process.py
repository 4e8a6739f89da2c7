"""A command of a run under the supervision of an agent: it outlives the dispatcher, is stopped, limited and swept.

Its directory in the workspace holds a run record and the log of stdout and stderr together.
"""

import contextlib
import os
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import structlog

from dispatcher.host import linux
from dispatcher.run.commands.choice import Command
from dispatcher.run.commands.command_log import LOG, CommandLog
from dispatcher.run.context import RunContext
from dispatcher.run.output.masking import Masking
from dispatcher.run.preparation.refusals import cannot
from dispatcher.run.process.launch import Launch
from dispatcher.run.process.supervised import Supervised
from dispatcher.run.stop_request import StopRequest
from dispatcher.workspaces import run_record
from dispatcher.workspaces.run_record import Reading
from dispatcher.workspaces.work_directory import Workspace
from sql.rows.changes import CommandResult, Verdict
from sql.rows.dispatchers import ClaimedRun
from wrappers.base import GentleStop
from wrappers.text import storable

log = structlog.get_logger()

STOP = GentleStop(signal.SIGTERM, 5.0)
AGAIN = "again"
"""The name of a record that was put aside, because its command ran once more."""
VANISHED = "vanished"
"""The name of a file with a line for each time that nobody saw how the command ended."""
_CAREFULLY_APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""The command may have put a link or a FIFO into the place of a file of ours."""


class CommandProcess:
    """A command before or after the agent. :meth:`start` or :meth:`find` it, then wait for its :meth:`end`."""

    def __init__(
        self,
        command: Command,
        claimed: ClaimedRun,
        workspace: Workspace,
        context: RunContext,
        stop: StopRequest,
    ) -> None:
        self.command = command
        self.reading = Reading("never_started")
        self._claimed = claimed
        self._workspace = workspace
        self._context = context
        self._stop = stop.of_process()
        self._directory = workspace.directory / command.kind
        self._process = Supervised(claimed, self._directory, context, self._stop)
        self._vanished = 0

    @property
    def is_alive(self) -> bool:
        return self._process.process is not None

    async def start(self, environment: Mapping[str, str]) -> None:
        """Start it. Whatever else has its place is put into the trash. Raises :class:`NotStartedError`."""
        try:
            with contextlib.suppress(FileNotFoundError):
                self._workspace.discard_entry(self._directory.name)
            self._directory.mkdir(mode=0o700)
        except OSError as error:
            raise cannot(f"no {self.command.kind} could be started", error) from error
        await self._launch(environment)

    async def start_again(self, environment: Mapping[str, str]) -> None:
        """Start it once more; its log goes on. Raises :class:`NotStartedError`."""
        with contextlib.suppress(OSError):
            (self._directory / run_record.NAME).replace(self._directory / AGAIN)
        self._process = Supervised(self._claimed, self._directory, self._context, self._stop)
        await self._launch(environment)

    @property
    def was_found(self) -> bool:
        """Whether an earlier dispatcher had started it."""
        return self.reading.state != "never_started"

    def note_vanished(self) -> int:
        """Note for the next dispatcher, too, that nobody saw how it ended. Return how often that was so until now."""
        try:
            noted = os.open(self._directory / VANISHED, _CAREFULLY_APPENDING, 0o600)
            try:
                os.write(noted, b"\n")
                return os.fstat(noted).st_size
            finally:
                os.close(noted)
        except OSError:
            self._vanished += 1
            return self._vanished

    async def find(self, after: Path | None = None) -> None:
        """Find out how far it got under another dispatcher, and hold it if it is alive.

        A record that is older than the last change of ``after`` does not count.
        """
        if _is_older(self._directory / run_record.NAME, after):
            return
        self.reading, process = await self._process.find(self.command.timeout)
        if process is not None:
            self._process.began = process.began
            log.info("command adopted", task=self._claimed.number, kind=self.command.kind, pid=process.pid)
            if self.reading.stop_reason is not None:
                self._stop.ask(self.reading.stop_reason)

    async def end(self, masking: Masking) -> CommandResult | None:
        """Return how it ended once none of the run's processes is left; None if nobody knows that."""
        claimed, command = self._claimed, self.command
        most = self._context.configuration.settings.execution.max_log_bytes
        printed = CommandLog(
            claimed.run_id, command.kind, self._directory, masking, most, self._context.store
        )
        was_alive, process = self.is_alive, self._process
        follow = partial(self._context.output_store.follow, printed, self._stop.ask)
        self.reading = await process.end(process.began + command.timeout, STOP, follow)
        ran_s = linux.seconds_since_boot() - process.began if was_alive else None
        await self._context.sweeper.kill(claimed.run_id)
        tail = await printed.end()
        verdict = _verdict(self.reading)
        log.info(
            "command ended",
            task=claimed.number,
            kind=command.kind,
            verdict=verdict,
            exit_code=self.reading.exit_code,
        )
        if verdict is None:
            return None
        tail = tail or masking.text(self.reading.complaint or "")
        return self.result(verdict, tail, masking, self.reading.exit_code, ran_s)

    def result(
        self,
        verdict: Verdict,
        tail: str,
        masking: Masking,
        exit_code: int | None = None,
        ran_s: float | None = None,
    ) -> CommandResult:
        """Return what is reported of it; ``tail`` is masked already."""
        return CommandResult(
            kind=self.command.kind,
            command=storable(masking.text(self.command.text)),
            verdict=verdict,
            exit_code=exit_code,
            ran_s=ran_s,
            output_tail=storable(tail),
        )

    def reap(self) -> None:
        """Reap our own child if it has ended, so that its pid becomes free."""
        self._process.reap()

    async def _launch(self, environment: Mapping[str, str]) -> None:
        claimed, printed = self._claimed, self._directory / LOG
        what = Launch(
            argv=["/bin/sh", "-c", self.command.text],
            cwd=self._workspace.work,
            stdin=Path(os.devnull),
            stdout=printed,
            stderr=printed,
            env=environment,
        )
        await self._process.start(what, by_shell=claimed.workdir is not None)
        log.info("command started", task=claimed.number, kind=self.command.kind)


def _verdict(reading: Reading) -> Verdict | None:
    if reading.stop_reason is not None:
        return "timeout" if reading.stop_reason == "timeout" else "stopped"
    if reading.exit_code is None:
        return None
    return "passed" if reading.exit_code == 0 else "failed"


def _is_older(record: Path, than: Path | None) -> bool:
    """Return whether the record was written before the end of the process whose record is ``than``: by that one.

    No program can set the time of this, and our own command starts only when every process of the agent is gone.
    """
    if than is None:
        return False
    try:
        return record.lstat().st_ctime_ns < than.lstat().st_ctime_ns
    except OSError:
        return False

"""The agent of a run: its process, what it prints, and what that comes to."""

from dataclasses import dataclass, replace
from functools import partial

import structlog
import trio

from dispatcher.host import linux
from dispatcher.host.host_trouble import TASK_PAUSE, lacks_room, when_there_is_room
from dispatcher.host.threads import in_thread
from dispatcher.run.adoption import secrets_of, start_time
from dispatcher.run.conclusion import UNEXPLAINED, blame_room, explain, silent
from dispatcher.run.context import RunContext
from dispatcher.run.output.agent_output import AgentOutput
from dispatcher.run.output.masking import Masking
from dispatcher.run.preparation.config_home import read_failure_file
from dispatcher.run.preparation.prepare import Prepared
from dispatcher.run.process.supervised import Supervised
from dispatcher.run.results import Results
from dispatcher.run.stop_request import StopRequest
from dispatcher.wall import Wall
from dispatcher.workspaces.run_record import Reading
from dispatcher.workspaces.work_directory import Workspace
from sql.rows.dispatchers import ClaimedRun, OpenRun, Output, Started
from wrappers.base import Outcome, Wrapper

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an agent ended, and what it left. ``stdout`` and ``stderr`` are excerpts, masked."""

    outcome: Outcome
    reading: Reading
    stdout: str
    stderr: str
    ran_s: float
    output_files: tuple[str, ...] = ()
    retry_after_s: float | None = None


class Agent:
    """Open its output with :meth:`begin_output`, :meth:`start` or :meth:`find` it, and wait for its :meth:`end`."""

    def __init__(
        self,
        claimed: ClaimedRun,
        workspace: Workspace,
        context: RunContext,
        results: Results,
        stop: StopRequest,
    ) -> None:
        self.output: AgentOutput | None = None
        self.masking = Masking(())
        self._claimed = claimed
        self._workspace = workspace
        self._context = context
        self._settings = context.configuration.settings
        self._results = results
        self._stop = stop.of_process()
        self._process = Supervised(claimed, workspace.directory, context, self._stop)

    @property
    def is_alive(self) -> bool:
        """Whether it was started by us, or found alive."""
        return self._process.process is not None

    async def start(self, prepared: Prepared, wrapper: Wrapper) -> None:
        """Start it, and tell so. Raises :class:`NotStartedError`."""
        # The directory that a task chose may be on a dead network mount.
        await self._process.start(prepared.launch, by_shell=self._claimed.workdir is not None)
        process = self._process.process
        assert process is not None
        claimed = self._claimed
        log.info("run started", task=claimed.number, group=claimed.group_name, pid=process.pid)
        ago_s = linux.seconds_since_boot() - self._process.began
        self._context.on_started(Started(run_id=claimed.run_id, pid=process.pid, ago_s=ago_s))
        if self.output is None:
            self.begin_output(wrapper)
        else:
            self.output.begins()
            self.show(f"{claimed.tool} is at work")

    async def find(self, known: OpenRun) -> Reading:
        """Find out how far it got under another dispatcher, and hold it if it is alive."""
        reading, process = await self._process.find(self._timeout - known.ran_s)
        self._process.began = start_time(known, self._process.began, reading.header, process)
        group = reading.header.group if reading.header is not None else None
        self._context.sweeper.adopt_group(self._claimed.run_id, group)
        if process is not None:
            log.info("run adopted", task=self._claimed.number, pid=process.pid)
            if reading.stop_reason is not None:
                self._stop.ask(reading.stop_reason)
        return reading

    async def find_secrets(self) -> None:
        """Find what must be masked of a run that another dispatcher started."""
        process = self._process.process
        find = partial(secrets_of, self._claimed, process.pid if process is not None else None)
        self.masking = Masking(*await when_there_is_room("looking for secrets", find))

    def begin_output(self, wrapper: Wrapper, *, adopted: bool = False) -> None:
        self.output = self._context.output_store.begin(
            self._claimed,
            self._workspace,
            wrapper,
            self.masking,
            began=trio.current_time() - (linux.seconds_since_boot() - self._process.began),
            adopted=adopted,
        )

    def show(self, activity: str) -> None:
        """Show people what the run does while its agent says nothing, if the output was begun."""
        if self.output is not None:
            self.output.show(activity)

    async def end(self, wrapper: Wrapper) -> Ended:
        """Wait for its end, and return how it ended. Where nobody saw that, all of its processes are gone."""
        output = self.output
        assert output is not None
        follow = partial(self._context.output_store.follow, output, self._stop.ask)
        reading = await self._process.end(self._process.began + self._timeout, wrapper.stop, follow)
        ran_s = linux.seconds_since_boot() - self._process.began
        await when_there_is_room("opening a workspace again", self._workspace.regain)
        await output.catch_up()
        stdout, stderr = await when_there_is_room("reading output", output.excerpts)
        failure_file = await read_failure_file(self._claimed, wrapper, output.failure_file)
        said = await output.outcome(reading.exit_code, failure_file, await self._read_report(wrapper))
        outcome = explain(said, reading, finished=output.final_event_seen, stderr=stderr)
        if outcome.error_class == "stalled" and self._own_stall_timeout is None and wrapper.stall_timeout:
            outcome = replace(outcome, error_message=silent(wrapper.name, wrapper.stall_timeout))
        retry_after_s = TASK_PAUSE if outcome.error_class == "no_resources" != said.error_class else None
        return Ended(
            outcome=outcome,
            reading=reading,
            stdout=stdout,
            stderr=stderr,
            ran_s=ran_s,
            retry_after_s=retry_after_s,
        )

    async def keep_files(self, ended: Ended) -> Ended:
        """Store the declared output files, and look for the cause of a failure that nothing explains."""
        max_bytes = self._settings.execution.max_output_bytes
        kept, outcome = await self._results.keep_files(ended.outcome, max_bytes, self.masking)
        retry_after_s = ended.retry_after_s
        if outcome.error_class in UNEXPLAINED:
            places = (self._workspace.directory, self._workspace.work)
            outcome = blame_room(outcome, ended.stderr, await in_thread(lacks_room, places))
            if outcome.error_class == "no_resources":
                # The agent has worked, which may have cost money: each time it waits longer.
                retry_after_s = TASK_PAUSE * 2 ** min(self._claimed.run_no - 1, 5)
        return replace(ended, outcome=outcome, output_files=tuple(kept), retry_after_s=retry_after_s)

    async def last_output(self) -> Output | None:
        """Return what is to be stored with the report, see :meth:`OutputStore.end`; None if it was not begun."""
        return None if self.output is None else await self._context.output_store.end(self.output)

    async def give_up(self) -> tuple[Output | None, str | None, str | None, float | None]:
        """Return the last output, excerpts and duration of a run in which our own code failed."""
        self._process.reap()
        last_output = stdout = stderr = ran_s = None
        if self.output is not None:
            ran_s = linux.seconds_since_boot() - self._process.began
            with Wall("the last output of a run", masked=self.masking.text, task=self._claimed.number):
                self.output.measure()
                last_output = await self._context.output_store.end(self.output)
                stdout, stderr = self.output.excerpts()
        return last_output, stdout, stderr, ran_s

    async def _read_report(self, wrapper: Wrapper) -> bytes:
        if wrapper.report_file is None:
            return b""
        read = partial(self._workspace.read_report, wrapper.report_file)
        return await when_there_is_room("reading a report", read, thread=True)

    @property
    def _own_stall_timeout(self) -> float | None:
        return self._claimed.stall_timeout_s or self._settings.execution.stall_timeout

    @property
    def _timeout(self) -> float:
        return self._claimed.timeout_s or self._settings.execution.timeout

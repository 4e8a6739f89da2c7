"""One run's life: prepare, launch, watch, stop, collect, conclude."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import structlog
import trio

from dispatcher import linux
from dispatcher.large_files import LargeFiles
from dispatcher.run import run_record
from dispatcher.run.agent_output import AgentOutput
from dispatcher.run.agent_process import AgentProcess
from dispatcher.run.conclusion import STOPPED, explain, report
from dispatcher.run.evidence import newest
from dispatcher.run.fetching import fetch, is_missing
from dispatcher.run.following import Following
from dispatcher.run.forgotten_tool import forgotten_tool
from dispatcher.run.launch import launch
from dispatcher.run.masking import Masking
from dispatcher.run.preparation import (
    HOST_TROUBLE,
    HOST_TROUBLE_PAUSE,
    NotStartedError,
    Prepared,
    auth_mode_of,
    cannot,
    config_home_of,
    prepare,
    secrets_of,
)
from dispatcher.run.results import Results
from dispatcher.run.run_record import Header, Reading, RunRecord, StopReason
from dispatcher.run.sweeping import Sweeper
from dispatcher.run.transfers import Transfers
from dispatcher.settings import Settings
from dispatcher.store import ClaimedRun, InputFile, OpenRun, Report, Started, Store
from dispatcher.threads import SerialThread, in_thread
from dispatcher.work_directory import Workspace
from wrappers.base import Outcome, Wrapper

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all runs of a dispatcher share.

    ``following`` takes in what agents print; ``transfers`` brings prompts, files and answers from and to the database;
    ``may_launch`` answers whether a new process may be started, and ``launching`` is the thread that starts it;
    ``on_started`` hears of each agent; ``files`` is where large output files are kept; ``open_files`` is the soft limit
    of an agent, None for the dispatcher's own.
    """

    settings: Settings
    wrappers: Mapping[str, Wrapper]
    store: Store
    following: Following
    transfers: Transfers
    files: LargeFiles
    sweeper: Sweeper
    may_launch: Callable[[], Awaitable[bool]]
    launching: SerialThread
    on_started: Callable[[Started], None]
    open_files: int | None = None


class Run:
    """A run in our hands, from its claim to the report of its end.

    Whatever the agent, its task or its configuration did wrong ends in the report, never in an exception.
    ``contained`` tells after its end whether all of its processes were in its control group.
    """

    def __init__(self, claimed: ClaimedRun, workspace: Workspace, around: Surroundings) -> None:
        self.claimed = claimed
        self.workspace = workspace
        self.contained = False
        self._around = around
        self._stop_asked = trio.Event()
        self._stop_reason: StopReason | None = None
        self._stopped: StopReason | None = None
        self._masking = Masking(())
        self._began = linux.seconds_since_boot()
        self._clock = trio.CancelScope()
        self._fetching = trio.CancelScope()
        self._results = Results(claimed, workspace, around.transfers, around.files)

    def stop(self, reason: StopReason) -> None:
        """Ask the run to end; the first reason counts, and once the agent has ended none does."""
        if reason == "canceled":
            self._results.cancel()
        if self._stop_reason is None:
            self._stop_reason = reason
            self._stop_asked.set()
            self._fetching.cancel()

    def look_at_clock(self) -> None:
        """See anew how long the run may go on: trio's clock stood still while the machine was suspended."""
        self._clock.cancel()

    async def live(self) -> Report:
        """Start the agent and answer how it ended."""
        try:
            wrapper = self._wrapper()
            prepared = await self._prepare(wrapper)
            if self._stop_reason is None and not await self._around.may_launch():
                self.stop("interrupted")
            self._refuse_if_stopped()
            process = await self._around.launching.call(self._launch, prepared)
        except NotStartedError as error:
            log.warning("run not started", task=self.claimed.number, reason=str(error))
            return self._report_not_started(error.error_class, str(error))
        with process:
            log.info("run started", task=self.claimed.number, group=self.claimed.group_name, pid=process.pid)
            ago_s = linux.seconds_since_boot() - self._began
            self._around.on_started(Started(run_id=self.claimed.run_id, pid=process.pid, ago_s=ago_s))
            output = self._follow(wrapper)
            await self._watch(process, wrapper, output)
            return await self._conclude(wrapper, output, process.exit_code())

    async def resume(self, known: OpenRun) -> Report:
        """Go on with a run that another dispatcher claimed, wherever it got to; answer how it ended.

        The shell's lock decides what is alive, never a lease and never a process id alone.
        """
        wrapper = self._around.wrappers.get(self.claimed.tool) or forgotten_tool(self.claimed.tool)
        if known.cancel_requested:
            self.stop("canceled")
        reading, process = await self._find_process()
        same_boot = known.boot_id == linux.boot_id()
        if reading.state == "never_started" and same_boot and not known.started:
            return self._report_not_started(
                "interrupted", "its dispatcher ended before the agent was started"
            )
        shell = reading.pid if reading.state == "alive" else None
        self._masking = Masking(*secrets_of(self.claimed, shell))
        self._began -= known.ran_s
        if reading.header is not None and reading.header.boot_id == linux.boot_id():
            self._began = reading.header.launched
        group = reading.header.group if reading.header is not None else None
        self._around.sweeper.adopt_group(self.claimed.run_id, group)
        output = self._follow(wrapper, adopted=True)
        if process is not None:
            with process:
                log.info("run adopted", task=self.claimed.number, pid=process.pid)
                if reading.stop_reason is not None:
                    self.stop(reading.stop_reason)
                await self._watch(process, wrapper, output)
        elif reading.state != "ended":
            await self._around.sweeper.kill(self.claimed.run_id)
        return await self._conclude(wrapper, output)

    async def _find_process(self) -> tuple[Reading, AgentProcess | None]:
        """Read how far the run got, and hold its shell if that is alive."""
        while True:
            try:
                reading = await run_record.read_settled(self.workspace.directory)
                if reading.state == "alive" and reading.pid is not None:
                    return reading, AgentProcess.adopt(self.workspace.directory, reading.pid)
            except OSError as error:
                if error.errno not in HOST_TROUBLE:
                    # The agent put something else in its place, so it is nobody's word any more.
                    return Reading("dead"), None
                log.warning("cannot look at a run", task=self.claimed.number, error=str(error))
            else:
                return reading, None
            await trio.sleep(HOST_TROUBLE_PAUSE)

    def _report_not_started(self, error_class: str, message: str) -> Report:
        outcome = Outcome(error_class=error_class, error_message=message)
        return report(
            self.claimed.run_id,
            outcome,
            Reading("never_started"),
            masking=self._masking,
            retry_after_s=HOST_TROUBLE_PAUSE if error_class == "no_resources" else None,
        )

    def _wrapper(self) -> Wrapper:
        try:
            return self._around.wrappers[self.claimed.tool]
        except KeyError:
            raise NotStartedError(
                "spawn_failed",
                f"this dispatcher does not know how to call {self.claimed.tool}: "
                "describe it under tools: in its config.yaml",
            ) from None

    async def _prepare(self, wrapper: Wrapper) -> Prepared:
        claimed, transfers = self.claimed, self._around.transfers
        inputs: list[InputFile] = []
        if claimed.has_input_files and not claimed.goes_on:
            inputs = await transfers.inputs(claimed.task_id)
        security, owner = self._around.settings.security, self._around.sweeper.owner
        make = partial(prepare, claimed, wrapper, self.workspace, inputs, security, owner)
        prepared = await in_thread(make) if claimed.workdir is not None else make()
        if is_missing(claimed, inputs):
            self._refuse_if_stopped()
            with trio.CancelScope() as self._fetching:
                await fetch(claimed, wrapper, self.workspace, inputs, transfers)
            self._refuse_if_stopped()
        self._masking = Masking(prepared.secrets, prepared.keys)
        return prepared

    def _refuse_if_stopped(self) -> None:
        if self._stop_reason is not None:
            raise NotStartedError(self._stop_reason, STOPPED[self._stop_reason])

    def _launch(self, prepared: Prepared) -> AgentProcess:
        group = self._around.sweeper.group_for(self.claimed.run_id)
        self._began = linux.seconds_since_boot()
        header = Header(
            run_id=self.claimed.run_id,
            number=self.claimed.number,
            run_no=self.claimed.run_no,
            tool=self.claimed.tool,
            boot_id=linux.boot_id(),
            launched=self._began,
            group=str(group) if group is not None else None,
        )
        try:
            record = RunRecord.create(self.workspace.directory, header)
            try:
                child = launch(
                    replace(prepared.launch, group=group, open_files=self._around.open_files), record
                )
            finally:
                record.close()
        except OSError as error:
            raise cannot("no process could be started", error) from error
        try:
            return AgentProcess.of_child(child)
        except OSError as error:
            child.kill()  # it has hardly begun, and nobody could watch it
            child.wait()
            raise cannot("the process could not be watched", error) from error

    def _follow(self, wrapper: Wrapper, *, adopted: bool = False) -> AgentOutput:
        return self._around.following.begin(
            self.claimed,
            self.workspace,
            wrapper.parser(),
            self._masking,
            began=trio.current_time() - (linux.seconds_since_boot() - self._began),
            adopted=adopted,
        )

    async def _watch(self, process: AgentProcess, wrapper: Wrapper, output: AgentOutput) -> None:
        """Return when the agent's shell has ended, by itself or because the run was stopped."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stop_when_due, process, wrapper)
            nursery.start_soon(self._around.following.follow, output, self.stop)
            await process.end()
            nursery.cancel_scope.cancel()
        if self._stopped is not None:
            await self._around.sweeper.kill(self.claimed.run_id)

    async def _stop_when_due(self, process: AgentProcess, wrapper: Wrapper) -> None:
        """Stop the agent when somebody asks for it or its time is over: gently, then for good."""
        due = self._began + (self.claimed.timeout_s or self._around.settings.execution.timeout)
        while not self._stop_asked.is_set() and (left := due - linux.seconds_since_boot()) > 0:
            with trio.move_on_after(left) as self._clock:
                await self._stop_asked.wait()
        self.stop("timeout")
        self._stopped = self._stop_reason
        log.info("stopping run", task=self.claimed.number, reason=self._stopped)
        try:
            run_record.note_stop(self.workspace.directory, self._stopped or "timeout")
        except OSError as error:
            log.error("cannot note the stop of a run", task=self.claimed.number, error=str(error))
        process.signal_group(wrapper.stop.signal)
        await trio.sleep(wrapper.stop.grace)
        process.signal_group(signal.SIGKILL)
        await self._around.sweeper.kill(self.claimed.run_id)

    def _read(self, exit_code: int | None) -> Reading:
        """Read the run record; what we know ourselves counts where it could not be written or was removed."""
        try:
            reading = run_record.read(self.workspace.directory)
        except OSError:
            reading = Reading("dead")
        return replace(
            reading,
            exit_code=exit_code if reading.exit_code is None else reading.exit_code,
            stop_reason=reading.stop_reason or self._stopped,
        )

    async def _conclude(self, wrapper: Wrapper, output: AgentOutput, exit_code: int | None = None) -> Report:
        """Take in the last output, keep the run's output files, and say how it ended."""
        ran_s = linux.seconds_since_boot() - self._began
        reading = self._read(exit_code)
        self.contained = reading.contained
        await output.catch_up()
        stdout, stderr = output.stdout_head(), output.stderr_tail()
        evidence = await self._evidence(wrapper, output.evidence)
        outcome = await output.outcome(reading.exit_code, evidence)
        outcome = explain(outcome, reading, finished=output.final_event_seen, stderr=stderr)
        max_bytes = self._around.settings.execution.max_output_bytes
        kept, outcome = await self._results.keep_files(outcome, max_bytes, self._masking)
        log.info(
            "run ended",
            task=self.claimed.number,
            error_class=outcome.error_class,
            seconds=round(ran_s, 3),
            exit_code=reading.exit_code,
        )
        made = report(
            self.claimed.run_id,
            outcome,
            reading,
            masking=self._masking,
            stdout=stdout,
            stderr=stderr,
            output_files=kept,
            ran_s=ran_s,
            auth_mode=auth_mode_of(self.claimed, wrapper),
            output=await self._around.following.end(output),
        )
        return await self._results.send_answer(made)

    async def _evidence(self, wrapper: Wrapper, wanted: str | None) -> bytes:
        home = config_home_of(self.claimed, wrapper) if wanted is not None else None
        if wanted is None or home is None:
            return b""
        return await in_thread(newest, home, wanted)

"""One run's life: prepare, launch, watch, stop, collect, conclude."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psycopg
import structlog
import trio

from dispatcher import linux, run_record
from dispatcher.agent_output import AgentOutput
from dispatcher.collect import CollectError, collect
from dispatcher.conclusion import STOPPED, explain, report
from dispatcher.evidence import newest
from dispatcher.following import Following
from dispatcher.launch import launch
from dispatcher.masking import Masking
from dispatcher.preparation import (
    NotStartedError,
    Prepared,
    check_consent,
    config_home_of,
    prepare,
    secrets_of,
)
from dispatcher.run_record import Header, Reading, RunRecord, StopReason
from dispatcher.settings import Settings
from dispatcher.store import FENCED, ClaimedRun, OpenRun, Report, Started, Store
from dispatcher.survivors import kill_survivors
from dispatcher.work_directory import Workspace
from wrappers.base import Outcome, Wrapper

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all runs of a dispatcher share.

    ``following`` takes in what agents print; ``may_launch`` answers whether the lease still covers a new process;
    ``on_started`` hears of each agent; ``files`` is where large output files are kept.
    """

    settings: Settings
    wrappers: Mapping[str, Wrapper]
    store: Store
    following: Following
    files: Path
    may_launch: Callable[[], Awaitable[bool]]
    on_started: Callable[[Started], None]


class Run:
    """A run in our hands, from its claim to the report of its end.

    Whatever the agent, its task or its configuration did wrong ends in the report, never in an exception.
    """

    def __init__(self, claimed: ClaimedRun, workspace: Workspace, around: Surroundings) -> None:
        self.claimed = claimed
        self.workspace = workspace
        self._around = around
        self._stop_asked = trio.Event()
        self._stop_reason: StopReason | None = None
        self._masking = Masking(())
        self._began = trio.current_time()

    def stop(self, reason: StopReason) -> None:
        """Ask the run to end; the first reason counts, and once the agent has ended none does."""
        if self._stop_reason is None:
            self._stop_reason = reason
            self._stop_asked.set()

    async def live(self) -> Report:
        """Start the agent and answer how it ended."""
        try:
            wrapper = self._wrapper()
            prepared = await self._prepare(wrapper)
            if self._stop_reason is None and not await self._around.may_launch():
                self.stop("interrupted")
            if self._stop_reason is not None:
                raise NotStartedError(self._stop_reason, STOPPED[self._stop_reason])
            process = self._launch(prepared)
        except NotStartedError as error:
            log.warning("run not started", task=self.claimed.number, reason=str(error))
            return self._report_not_started(error.error_class, str(error))
        log.info("run started", task=self.claimed.number, group=self.claimed.group_name, pid=process.pid)
        self._began = trio.current_time()
        self._around.on_started(Started(run_id=self.claimed.run_id, pid=process.pid))
        output = self._follow(wrapper)
        await self._watch(process.pid, wrapper, output)
        process.wait()
        return await self._conclude(wrapper, output)

    async def resume(self, known: OpenRun) -> Report:
        """Go on with a run that another dispatcher claimed, wherever it got to; answer how it ended.

        The shell's lock decides what is alive, never a lease and never a process id alone.
        """
        wrapper = self._wrapper()
        self._began -= known.ran_s
        if known.cancel_requested:
            self.stop("canceled")
        reading = await run_record.read_settled(self.workspace.directory)
        same_boot = known.boot_id == linux.boot_id()
        if reading.state == "never_started" and same_boot and not known.started:
            return self._report_not_started(
                "interrupted", "its dispatcher ended before the agent was started"
            )
        self._masking = Masking(secrets_of(self.claimed, wrapper))
        output = self._follow(wrapper, adopted=True)
        if reading.state == "alive" and reading.pid is not None:
            log.info("run adopted", task=self.claimed.number, pid=reading.pid, seconds=round(known.ran_s))
            if reading.stop_reason is not None:
                self.stop(reading.stop_reason)
            await self._watch(reading.pid, wrapper, output)
        elif reading.state != "ended":
            await trio.to_thread.run_sync(kill_survivors, self.claimed.run_id)
        return await self._conclude(wrapper, output)

    def _report_not_started(self, error_class: str, message: str) -> Report:
        outcome = Outcome(error_class=error_class, error_message=message)
        return report(self.claimed.run_id, outcome, Reading("never_started"), masking=self._masking)

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
        claimed, store = self.claimed, self._around.store
        check_consent(claimed, self._around.settings.security)
        inputs = []
        if claimed.has_input_files:
            inputs = await store.patiently("fetching inputs", lambda: store.input_files(claimed.task_id))
        prepared = prepare(claimed, wrapper, self.workspace, inputs)
        self._masking = Masking(prepared.secrets)
        return prepared

    def _launch(self, prepared: Prepared) -> subprocess.Popen[bytes]:
        header = Header(
            run_id=self.claimed.run_id,
            number=self.claimed.number,
            run_no=self.claimed.run_no,
            tool=self.claimed.tool,
            boot_id=linux.boot_id(),
        )
        try:
            record = RunRecord.create(self.workspace.directory, header)
            try:
                return launch(prepared.launch, record)
            finally:
                record.close()
        except OSError as error:
            raise NotStartedError("spawn_failed", f"no process could be started: {error}") from error

    def _follow(self, wrapper: Wrapper, *, adopted: bool = False) -> AgentOutput:
        return self._around.following.begin(
            self.claimed, self.workspace, wrapper.parser(), self._masking, began=self._began, adopted=adopted
        )

    async def _watch(self, pid: int, wrapper: Wrapper, output: AgentOutput) -> None:
        """Return when the agent's shell has ended, by itself or because the run was stopped."""
        timeout = self.claimed.timeout_s or self._around.settings.execution.timeout

        async def stop_when_due() -> None:
            with trio.move_on_at(self._began + timeout):
                await self._stop_asked.wait()
            self.stop("timeout")
            run_record.note_stop(self.workspace.directory, self._stop_reason or "timeout")
            await self._end(pid, wrapper)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_when_due)
            nursery.start_soon(output.follow, self.stop)
            await linux.process_end(pid)
            nursery.cancel_scope.cancel()
        if self._stop_reason is not None:
            await trio.to_thread.run_sync(kill_survivors, self.claimed.run_id)

    async def _end(self, pid: int, wrapper: Wrapper) -> None:
        """Stop the agent: the signal that suits its CLI, its grace, then SIGKILL for whatever is left of the run."""
        log.info("stopping run", task=self.claimed.number, reason=self._stop_reason)
        self._signal_group(pid, wrapper.stop.signal)
        with trio.move_on_after(wrapper.stop.grace):
            await linux.process_end(pid)
            return
        self._signal_group(pid, signal.SIGKILL)
        await trio.to_thread.run_sync(kill_survivors, self.claimed.run_id)

    def _signal_group(self, pid: int, number: signal.Signals) -> None:
        """Signal the shell's process group. While the shell holds its lock the number cannot be anybody else's."""
        if run_record.read(self.workspace.directory).state == "alive":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)

    async def _conclude(self, wrapper: Wrapper, output: AgentOutput) -> Report:
        """Take in the last output, keep the run's output files, and say how it ended."""
        ran_s = trio.current_time() - self._began
        reading = run_record.read(self.workspace.directory)
        await output.catch_up()
        evidence = await self._evidence(wrapper, output.evidence)
        outcome = explain(await output.outcome(reading.exit_code, evidence), reading)
        kept, outcome = await self._keep_outputs(outcome)
        log.info(
            "run ended",
            task=self.claimed.number,
            error_class=outcome.error_class,
            seconds=round(ran_s, 3),
            exit_code=reading.exit_code,
        )
        stdout, stderr = output.stdout_head(), output.stderr_tail()
        await self._around.following.end(output)
        return report(
            self.claimed.run_id,
            outcome,
            reading,
            masking=self._masking,
            stdout=stdout,
            stderr=stderr,
            output_files=kept,
            ran_s=ran_s,
        )

    async def _evidence(self, wrapper: Wrapper, wanted: str | None) -> bytes:
        home = config_home_of(self.claimed, wrapper) if wanted is not None else None
        if wanted is None or home is None:
            return b""
        return await trio.to_thread.run_sync(newest, home, wanted)

    async def _keep_outputs(self, outcome: Outcome) -> tuple[list[str], Outcome]:
        """Store the declared files that are there, also of a failed run; a missing one fails a run that succeeded."""
        kept: list[str] = []
        if not self.claimed.output_files:
            return kept, outcome
        store, run_id = self._around.store, self.claimed.run_id
        files = collect(
            self.workspace.work,
            self.claimed.output_files,
            self._around.settings.execution.max_output_bytes,
            self._around.files,
        )
        try:
            while (file := await trio.to_thread.run_sync(next, files, None)) is not None:
                await store.patiently("storing an output file", partial(store.store_output, run_id, file))
                kept.append(file.path)
        except CollectError as error:
            if outcome.succeeded:
                outcome = replace(outcome, error_class=error.error_class, error_message=str(error))
        except OSError as error:
            message = f"an output file could not be kept: {error}"
            outcome = replace(outcome, error_class="output_missing", error_message=message)
        except psycopg.DatabaseError as error:
            if error.sqlstate not in FENCED:
                raise
            log.error(
                "outputs refused: the run is not ours any more", task=self.claimed.number, error=str(error)
            )
        return kept, outcome

"""One run's life: prepare, launch, watch, stop, collect results, report."""

import contextlib
import signal
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import structlog
import trio

from dispatcher.host import linux
from dispatcher.host.host_trouble import TASK_PAUSE, is_host_trouble, lacks_room, when_there_is_room
from dispatcher.host.survivors import Marks
from dispatcher.host.threads import in_thread
from dispatcher.run.adoption import find_process, forgotten_tool, secrets_of, start_time
from dispatcher.run.conclusion import STOPPED, UNEXPLAINED, blame_room, explain, report
from dispatcher.run.context import RunContext
from dispatcher.run.output.agent_output import AgentOutput
from dispatcher.run.output.masking import Masking
from dispatcher.run.preparation.config_home import auth_mode_of, read_failure_file
from dispatcher.run.preparation.fetching import fetch, is_missing
from dispatcher.run.preparation.prepare import Prepared, prepare
from dispatcher.run.preparation.refusals import NotStartedError
from dispatcher.run.preparation.usable_here import wrapper_of
from dispatcher.run.process.agent_process import AgentProcess, NotWatchedError
from dispatcher.run.process.held_process import HeldProcess
from dispatcher.run.results import Results
from dispatcher.run.stop_request import StopRequest
from dispatcher.wall import Wall, in_a_sentence, persist
from dispatcher.workspaces import run_record
from dispatcher.workspaces.run_record import Header, Reading, StopReason
from dispatcher.workspaces.work_directory import Workspace
from sql.dispatcher_rows import ClaimedRun, InputFile, OpenRun, Report, Started
from wrappers.base import Outcome, Wrapper

log = structlog.get_logger()

NOT_WATCHED = 0.05
"""Seconds after its start in which a run is only waited for: to watch one that short costs a tenth of all its work."""
STARTING = 1.0
"""Seconds in which a start that was under way is over, unless somebody stopped the watcher: it starts nothing then."""
SETTLING = 10.0
"""Seconds that the watcher of an agent that is gone may need to say so; only one that somebody stopped needs longer."""


class Run:
    """A run that is ours, from its claim to the report of its end.

    Whatever the agent, its task or its configuration does wrong goes into the report and never raises.
    After the run, ``contained`` says whether all of its processes were in its control group.
    """

    def __init__(self, claimed: ClaimedRun, workspace: Workspace, context: RunContext) -> None:
        self.claimed = claimed
        self.workspace = workspace
        self.contained = False
        self._context = context
        self._settings = context.configuration.settings
        self._wrappers = context.configuration.wrappers
        self._stop = StopRequest()
        self._stopped: StopReason | None = None
        self._masking = Masking(())
        self._began = linux.seconds_since_boot()
        self._prepared_ahead: Prepared | NotStartedError | None = None
        self._process: AgentProcess | None = None
        self._output: AgentOutput | None = None
        self._results = Results(claimed, workspace, context.transfers, context.files)

    def stop(self, reason: StopReason) -> None:
        """Ask the run to end. The first reason counts; none counts once the agent has ended."""
        if reason == "canceled":
            self._results.cancel()
        self._stop.ask(reason)

    def look_at_clock(self) -> None:
        """Work out again how long the run may go on, after the machine was suspended."""
        self._stop.look_at_clock()

    def prepare_ahead(self) -> None:
        """Prepare the run while its claim is being committed, if that needs no waiting. :meth:`live` raises a refusal.

        Until then the run is not certainly ours: if it is not, discard its workspace.
        """
        claimed = self.claimed
        if claimed.workdir is None and claimed.prompt is not None and not claimed.has_input_files:
            try:
                self._prepared_ahead = self._make(self._wrapper())
            except NotStartedError as refusal:
                self._prepared_ahead = refusal

    async def live(self) -> Report:
        """Start the agent; return the report of how it ended."""
        try:
            wrapper = self._wrapper()
            prepared = self._prepared_ahead or await self._prepare(wrapper)
            if isinstance(prepared, NotStartedError):
                raise prepared
            self._masking = Masking(prepared.secrets, prepared.keys)
            if self._stop.reason is None and not await self._context.may_launch():
                self.stop("interrupted")
            self._refuse_if_stopped()
            process = await self._launch(prepared)
        except NotStartedError as error:
            if isinstance(error, NotWatchedError):
                await self._context.sweeper.kill(self.claimed.run_id)
            log.warning("run not started", task=self.claimed.number, reason=str(error))
            return self._report_not_started(error.error_class, str(error))
        self._process = process
        with process:
            log.info("run started", task=self.claimed.number, group=self.claimed.group_name, pid=process.pid)
            ago_s = linux.seconds_since_boot() - self._began
            self._context.on_started(Started(run_id=self.claimed.run_id, pid=process.pid, ago_s=ago_s))
            output = self._begin_output(wrapper)
            exit_code = await self._watch(process, wrapper, output)
        reading = process.reading or await self._read()
        reading = replace(reading, pid=process.pid, exit_code=exit_code, stop_reason=self._stopped)
        return await self._conclude(wrapper, output, reading)

    async def resume(self, known: OpenRun) -> Report:
        """Continue a run that another dispatcher claimed, however far it got; return the report of how it ended.

        The agent can write to the run record. So what the record says about a process must be proven, and whatever
        the record says, nothing is reported before every process of the run is gone.
        """
        wrapper = self._wrappers.get(self.claimed.tool) or forgotten_tool(self.claimed.tool)
        if known.cancel_requested:
            self.stop("canceled")
        reading, process = await self._find_process(known)
        self._began = start_time(known, self._began, reading.header, process)
        group = reading.header.group if reading.header is not None else None
        self._context.sweeper.adopt_group(self.claimed.run_id, group)
        if process is None:
            await self._context.sweeper.kill(self.claimed.run_id)
        same_boot = known.boot_id == linux.boot_id()
        if reading.state == "never_started" and same_boot and not known.started:
            return self._report_not_started(
                "interrupted", "its dispatcher ended before the agent was started"
            )
        find_secrets = partial(secrets_of, self.claimed, process.pid if process is not None else None)
        self._masking = Masking(*await when_there_is_room("looking for secrets", find_secrets))
        output = self._begin_output(wrapper, adopted=True)
        if process is not None:
            with process:
                log.info("run adopted", task=self.claimed.number, pid=process.pid)
                if reading.stop_reason is not None:
                    self.stop(reading.stop_reason)
                await self._watch(process, wrapper, output)
        reading = await self._read_released()
        pid = process.pid if process is not None else None
        reading = replace(reading, pid=pid, stop_reason=reading.stop_reason or self._stopped)
        return await self._conclude(wrapper, output, reading)

    async def _find_process(self, known: OpenRun) -> tuple[Reading, HeldProcess | None]:
        """Find out how far the run got; a stop and the timeout end the wait for a record that stays silent."""
        marks = Marks(self.claimed.run_id, self._context.sweeper.owner)
        with self._stop.preliminary(trio.current_time() + self._timeout - known.ran_s):
            return await find_process(self.workspace.directory, marks)
        self._stopped = self._stop.reason or "timeout"
        with contextlib.suppress(OSError), trio.move_on_after(STARTING):
            run_record.note_stop(self.workspace.directory, self._stopped)  # a shim starts nothing behind this
            await run_record.read_settled(self.workspace.directory)
        return Reading("dead"), None

    def masked(self, text: str) -> str:
        """Return the text without the known secrets of this run."""
        return self._masking.text(text)

    async def give_up(self, error: Exception) -> Report:
        """End a run in which our own code failed; return the report once no process of the run is left."""
        claimed, output = self.claimed, self._output
        await persist(
            "killing a run", partial(self._context.sweeper.kill, claimed.run_id), task=claimed.number
        )
        if self._process is not None:
            self._process.reap()
        stdout = stderr = last_output = ran_s = None
        if output is not None:
            ran_s = linux.seconds_since_boot() - self._began
            with Wall("the last output of a run", masked=self.masked, task=claimed.number):
                output.measure()
                last_output = await self._context.output_store.end(output)
                stdout, stderr = output.excerpts()
        error_class, what = "agent_error", "the dispatcher failed at this run, and its log says where"
        if is_host_trouble(error):
            error_class, what = "no_resources", "this host had no room for the run"
        return report(
            claimed.run_id,
            Outcome(error_class=error_class, error_message=f"{what}: {in_a_sentence(error)}"),
            Reading("dead"),
            masking=self._masking,
            stdout=stdout,
            stderr=stderr,
            ran_s=ran_s,
            retry_after_s=TASK_PAUSE if error_class == "no_resources" else None,
            output=last_output,
        )

    def _report_not_started(self, error_class: str, message: str) -> Report:
        outcome = Outcome(error_class=error_class, error_message=message)
        return report(
            self.claimed.run_id,
            outcome,
            Reading("never_started"),
            masking=self._masking,
            retry_after_s=TASK_PAUSE if error_class == "no_resources" else None,
        )

    def _wrapper(self) -> Wrapper:
        return wrapper_of(self.claimed.tool, self._wrappers)

    async def _prepare(self, wrapper: Wrapper) -> Prepared:
        claimed, transfers = self.claimed, self._context.transfers
        inputs: list[InputFile] = []
        if claimed.has_input_files and not claimed.goes_on:
            inputs = await transfers.inputs(claimed.task_id)
        make = partial(self._make, wrapper, inputs)
        prepared = await in_thread(make) if claimed.workdir is not None else make()
        if is_missing(claimed, inputs):
            self._refuse_if_stopped()
            with self._stop.preliminary():
                await fetch(claimed, wrapper, self.workspace, inputs, transfers)
            self._refuse_if_stopped()
        return prepared

    def _make(self, wrapper: Wrapper, inputs: Sequence[InputFile] = ()) -> Prepared:
        security, owner = self._settings.security, self._context.sweeper.owner
        return prepare(self.claimed, wrapper, self.workspace, inputs, security, owner)

    def _refuse_if_stopped(self) -> None:
        if self._stop.reason is not None:
            raise NotStartedError(self._stop.reason, STOPPED[self._stop.reason])

    async def _launch(self, prepared: Prepared) -> AgentProcess:
        group = self._context.sweeper.group_for(self.claimed.run_id)
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
        what = replace(prepared.launch, group=group, open_files=self._context.open_files)
        # The directory that a task chose may be on a dead network mount.
        by_shell = self.claimed.workdir is not None
        return await self._context.starter.start(self.workspace.directory, header, what, by_shell=by_shell)

    @property
    def _timeout(self) -> float:
        return self.claimed.timeout_s or self._settings.execution.timeout

    def _begin_output(self, wrapper: Wrapper, *, adopted: bool = False) -> AgentOutput:
        self._output = self._context.output_store.begin(
            self.claimed,
            self.workspace,
            wrapper.parser(),
            self._masking,
            began=trio.current_time() - (linux.seconds_since_boot() - self._began),
            adopted=adopted,
        )
        return self._output

    async def _watch(self, process: AgentProcess, wrapper: Wrapper, output: AgentOutput) -> int | None:
        """Return the exit code, if known, once the run has ended by itself or because it was stopped.

        A shim or a shell that was killed has not seen the agent end: it may go on, so it is killed before the task can
        begin again.
        """
        with self._stop.preliminary(trio.current_time() + NOT_WATCHED) as short:
            exit_code = await process.end()
        if short.cancelled_caught:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._stop_when_due, process, wrapper)
                nursery.start_soon(self._context.output_store.follow, output, self.stop)
                exit_code = await process.end()
                nursery.cancel_scope.cancel()
        if self._stopped is not None or exit_code is None:
            await self._context.sweeper.kill(self.claimed.run_id)
        return exit_code

    async def _stop_when_due(self, process: AgentProcess, wrapper: Wrapper) -> None:
        """Stop the agent when somebody asks for it or its time is over: first gently, then with SIGKILL."""
        self._stopped = await self._stop.wait(self._began + self._timeout)
        log.info("stopping run", task=self.claimed.number, reason=self._stopped)
        try:
            run_record.note_stop(self.workspace.directory, self._stopped)
        except OSError as error:
            log.error("cannot note the stop of a run", task=self.claimed.number, error=str(error))
        process.signal_group(wrapper.stop.signal)
        await trio.sleep(wrapper.stop.grace)
        process.signal_group(signal.SIGKILL)
        await self._context.sweeper.kill(self.claimed.run_id)

    async def _read_released(self) -> Reading:
        """Read the run record once its watcher has let go of it: the shim does that a moment after the agent's end."""
        with contextlib.suppress(OSError), trio.move_on_after(SETTLING):
            return await run_record.read_settled(self.workspace.directory, lambda reading: not reading.held)
        return await self._read()

    async def _read(self) -> Reading:
        """Read the run record; if the agent put something else in its place, the run counts as dead."""
        read = partial(run_record.read, self.workspace.directory)
        try:
            return await when_there_is_room("reading a run record", read)
        except OSError:
            return Reading("dead")

    async def _conclude(self, wrapper: Wrapper, output: AgentOutput, reading: Reading) -> Report:
        """Read the last output, store the output files, and return the report."""
        ran_s = linux.seconds_since_boot() - self._began
        self.contained = reading.contained
        await output.catch_up()
        stdout, stderr = await when_there_is_room("reading output", output.excerpts)
        failure_file = await read_failure_file(self.claimed, wrapper, output.failure_file)
        said = await output.outcome(reading.exit_code, failure_file)
        outcome = explain(said, reading, finished=output.final_event_seen, stderr=stderr)
        retry_after_s = TASK_PAUSE if outcome.error_class == "no_resources" != said.error_class else None
        max_bytes = self._settings.execution.max_output_bytes
        kept, outcome = await self._results.keep_files(outcome, max_bytes, self._masking)
        if outcome.error_class in UNEXPLAINED:
            places = (self.workspace.directory, self.workspace.work)
            outcome = blame_room(outcome, stderr, await in_thread(lacks_room, places))
            if outcome.error_class == "no_resources":
                # The agent has worked, which may have cost money: each time it waits longer.
                retry_after_s = TASK_PAUSE * 2 ** min(self.claimed.run_no - 1, 5)
        log.info(
            "run ended",
            task=self.claimed.number,
            error_class=outcome.error_class,
            seconds=round(ran_s, 3),
            exit_code=reading.exit_code,
        )
        ended = report(
            self.claimed.run_id,
            outcome,
            reading,
            masking=self._masking,
            stdout=stdout,
            stderr=stderr,
            output_files=kept,
            ran_s=ran_s,
            retry_after_s=retry_after_s,
            auth_mode=auth_mode_of(self.claimed, wrapper),
            output=await self._context.output_store.end(output),
        )
        return await self._results.send_answer(ended)

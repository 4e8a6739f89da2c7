"""One run's life, phase by phase: clone, setup, agent, record, check, report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog
import trio

from dispatcher.host import linux
from dispatcher.host.host_trouble import TASK_PAUSE, is_host_trouble, lacks_room
from dispatcher.host.threads import in_thread
from dispatcher.repositories.sources import is_trusted
from dispatcher.run.adoption import forgotten_tool
from dispatcher.run.agent import Agent
from dispatcher.run.commands.check import Check
from dispatcher.run.commands.choice import Command, check_allowed, check_of, setup_of
from dispatcher.run.commands.command_process import CommandProcess
from dispatcher.run.conclusion import (
    STOPPED,
    activity_of,
    complaint_about,
    follow_up_of,
    judged,
    recorded,
    report,
)
from dispatcher.run.context import RunContext
from dispatcher.run.output.masking import Masking
from dispatcher.run.preparation.config_home import auth_mode_of
from dispatcher.run.preparation.fetching import fetch, is_missing, list_inputs
from dispatcher.run.preparation.prepare import Prepared, environment_of_command, prepare
from dispatcher.run.preparation.refusals import NotStartedError, check_clone
from dispatcher.run.preparation.usable_here import wrapper_of
from dispatcher.run.repository import RunRepository
from dispatcher.run.results import Results
from dispatcher.run.spawning import correction_of, note_before, read_spawned
from dispatcher.run.stop_request import StopRequest
from dispatcher.wall import Wall, in_a_sentence, persist
from dispatcher.workspaces import run_record
from dispatcher.workspaces.run_record import Reading, StopReason
from dispatcher.workspaces.work_directory import Workspace
from sql.rows.changes import Change, CommandResult
from sql.rows.dispatchers import ClaimedRun, InputFile, OpenRun, Report
from wrappers.base import Outcome, Wrapper

log = structlog.get_logger()


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
        self._prepared_ahead: Prepared | NotStartedError | None = None
        self._inputs: Sequence[InputFile] = ()
        self._results = Results(claimed, workspace, context.transfers, context.files)
        self._repository = (
            RunRepository(claimed, workspace, context, self._results, self._stop)
            if claimed.repository
            else None
        )
        self._setup = setup_of(claimed, self._settings)
        self._check = check_of(claimed, self._settings)
        self._agent = Agent(claimed, workspace, context, self._results, self._stop)
        self._command: CommandProcess | None = None
        self._change: Change | None = None
        self._commands: list[CommandResult] = []

    def stop(self, reason: StopReason) -> None:
        """Ask the run to end. The first reason counts; none counts once its work is proven."""
        if reason == "canceled":
            self._results.cancel()
        self._stop.ask(reason)

    def look_at_clock(self) -> None:
        """Work out again how long the run may go on, after the machine was suspended."""
        self._stop.look_at_clock()

    def masked(self, text: str) -> str:
        """Return the text without the known secrets of this run."""
        return self._agent.masking.text(text)

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
            self._agent.masking = Masking(prepared.secrets, prepared.keys)
            if self._repository is not None or self._setup is not None:
                self._agent.begin_output(wrapper)
            if self._repository is not None:
                self._agent.show(f"cloning {self.claimed.repository}")
                await self._repository.clone(self._inputs)
            if is_missing(self.claimed, self._inputs):
                await self._fetch(wrapper)
                if wrapper.takes_prompt_as_argument:
                    prepared = await self._prepare_again(wrapper)
            if self._repository is not None:
                await self._repository.note_inputs()
            if self._setup is not None:
                await self._set_up(self._setup)
            await self._start(prepared, wrapper)
        except NotStartedError as error:
            return await self._report_not_started(error)
        return await self._finish(wrapper)

    async def resume(self, known: OpenRun) -> Report:
        """Continue a run that another dispatcher claimed, however far it got; return the report of how it ended.

        The agent can write to the run records. So what a record says about a process must be proven, and whatever the
        record says, nothing is reported before every process of the run is gone.
        """
        wrapper = self._wrappers.get(self.claimed.tool) or forgotten_tool(self.claimed.tool)
        if known.cancel_requested:
            self.stop("canceled")
        reading = await self._agent.find(known)
        is_before_agent = reading.state == "never_started" and not known.started
        if not self._agent.is_alive:
            await self._find_command(self._setup if is_before_agent else self._check)
            if self._command is None or not self._command.is_alive:
                await self._context.sweeper.kill(self.claimed.run_id)
        if is_before_agent and self._may_have_begun(known):
            is_before_agent, self._command = False, None
        if not is_before_agent:
            await self._agent.find_secrets()
            self._agent.begin_output(wrapper, adopted=True)
            return await self._finish(wrapper)
        try:
            await self._go_on_from_setup()
        except NotStartedError as error:
            return await self._report_not_started(error)
        return await self._finish(wrapper)

    async def give_up(self, error: Exception) -> Report:
        """End a run in which our own code failed; return the report once no process of the run is left."""
        claimed = self.claimed
        await persist(
            "killing a run", partial(self._context.sweeper.kill, claimed.run_id), task=claimed.number
        )
        if self._command is not None:
            self._command.reap()
        last_output, stdout, stderr, ran_s = await self._agent.give_up()
        if self._repository is not None and self._change is None and self._agent.is_alive:
            with Wall("recording the change of a run", masked=self.masked, task=claimed.number):
                self._change, _ = await self._repository.record(self._agent.masking)
        error_class, what = "agent_error", "the dispatcher failed at this run, and its log says where"
        if is_host_trouble(error):
            error_class, what = "no_resources", "this host had no room for the run"
        return report(
            claimed.run_id,
            Outcome(error_class=error_class, error_message=f"{what}: {in_a_sentence(error)}"),
            Reading("dead"),
            masking=self._agent.masking,
            stdout=stdout,
            stderr=stderr,
            ran_s=ran_s,
            retry_after_s=TASK_PAUSE if error_class == "no_resources" else None,
            output=last_output,
            change=self._change,
            commands=self._commands,
        )

    def _wrapper(self) -> Wrapper:
        return wrapper_of(self.claimed.tool, self._wrappers)

    # Before the agent: each phase raises NotStartedError.

    async def _prepare(self, wrapper: Wrapper) -> Prepared:
        claimed = self.claimed
        if claimed.has_input_files and not claimed.goes_on:
            most = self._settings.execution.max_output_bytes
            self._inputs = await list_inputs(claimed, self._context.transfers, most)
        make = partial(self._make, wrapper)
        return await in_thread(make) if claimed.workdir is not None else make()

    async def _prepare_again(self, wrapper: Wrapper) -> Prepared:
        """Decide on the process once more, now that its workspace is complete."""
        make = partial(self._make, wrapper, is_laid_out=True)
        return await in_thread(make) if self.claimed.workdir is not None else make()

    def _make(self, wrapper: Wrapper, *, is_laid_out: bool = False) -> Prepared:
        check_allowed(self.claimed, self._settings)
        settings, owner = self._settings, self._context.sweeper.owner
        return prepare(
            self.claimed, wrapper, self.workspace, self._inputs, settings, owner, is_laid_out=is_laid_out
        )

    async def _fetch(self, wrapper: Wrapper) -> None:
        self._refuse_if_stopped()
        timeout = self.claimed.timeout_s or self._settings.execution.timeout
        with self._stop.preliminary(trio.current_time() + timeout) as scope:
            await fetch(self.claimed, wrapper, self.workspace, self._inputs, self._context)
        self._refuse_if_stopped()
        if scope.cancelled_caught:
            raise NotStartedError(
                "timeout", f"its prompt and input files were not there within {timeout:g} s"
            )

    async def _set_up(self, setup: Command) -> None:
        await self._require_lease()
        self._command = self._process_of(setup)
        await self._command.start(self._environment_of_command())
        await self._end_setup(self._command)

    async def _go_on_from_setup(self) -> None:
        """Go on to the agent if an earlier dispatcher came as far as the setup; else the task begins anew."""
        setup = self._command
        if setup is None or setup.reading.state == "never_started":
            raise NotStartedError("interrupted", "its dispatcher ended before the agent was started")
        await self._agent.find_secrets()
        wrapper = self._wrappers.get(self.claimed.tool) or forgotten_tool(self.claimed.tool)
        self._agent.begin_output(wrapper)
        await self._end_setup(setup)
        await self._start(await self._prepare_again(self._wrapper()), wrapper)

    async def _end_setup(self, setup: CommandProcess) -> None:
        self._agent.show(activity_of(setup.command.kind, setup.command.text))
        result = await setup.end(self._agent.masking)
        self._command = None
        if result is not None:
            self._commands.append(result)
        if result is not None and result.verdict == "passed":
            return
        self._refuse_if_stopped()
        if result is None:
            raise NotStartedError("interrupted", "its setup was killed, and so was what watched over it")
        if lacking := await in_thread(lacks_room, self._places):
            raise NotStartedError("no_resources", f"{lacking}: {complaint_about(result)}")
        raise NotStartedError("setup_failed", complaint_about(result))

    async def _start(self, prepared: Prepared, wrapper: Wrapper) -> None:
        if self._repository is not None:
            if not is_trusted(self.claimed.repository or "", self._settings):
                await in_thread(check_clone, self.workspace, wrapper)
            await self._repository.begin()
        await note_before(self.claimed, self.workspace)
        await self._require_lease()
        await self._agent.start(prepared, wrapper)

    async def _require_lease(self) -> None:
        if self._stop.reason is None and not await self._context.may_launch():
            self.stop("interrupted")
        self._refuse_if_stopped()

    def _refuse_if_stopped(self) -> None:
        if self._stop.reason is not None:
            raise NotStartedError(self._stop.reason, STOPPED[self._stop.reason])

    async def _report_not_started(self, refusal: NotStartedError) -> Report:
        log.warning("run not started", task=self.claimed.number, reason=str(refusal))
        return report(
            self.claimed.run_id,
            Outcome(error_class=refusal.error_class, error_message=str(refusal)),
            Reading("never_started"),
            masking=self._agent.masking,
            retry_after_s=TASK_PAUSE if refusal.error_class == "no_resources" else None,
            output=await self._agent.last_output(),
            commands=self._commands,
        )

    # From the agent on: each phase says what the outcome is now.

    async def _finish(self, wrapper: Wrapper) -> Report:
        ended = await self._agent.end(wrapper)
        if (self._check is not None or self._repository is not None) and self._command is None:
            await self._context.sweeper.kill(self.claimed.run_id)
        ended = await self._agent.keep_files(ended)
        outcome, patch = await self._record(ended.outcome)
        outcome = await self._prove(outcome)
        outcome, spawn = await read_spawned(self.claimed, self.workspace, outcome, self._agent.masking)
        log.info(
            "run ended",
            task=self.claimed.number,
            error_class=outcome.error_class,
            seconds=round(ended.ran_s, 3),
            exit_code=ended.reading.exit_code,
        )
        self.contained = ended.reading.contained and (
            self._command is None or self._command.reading.contained
        )
        done = report(
            self.claimed.run_id,
            outcome,
            ended.reading,
            masking=self._agent.masking,
            stdout=ended.stdout,
            stderr=ended.stderr,
            output_files=(*ended.output_files, *patch),
            ran_s=ended.ran_s,
            retry_after_s=ended.retry_after_s,
            auth_mode=auth_mode_of(self.claimed, wrapper),
            output=await self._agent.last_output(),
            change=self._change,
            commands=self._commands,
            follow_up=self._follow_up(outcome),
            spawn=spawn,
        )
        return await self._results.send_answer(done)

    def _follow_up(self, outcome: Outcome) -> str | None:
        """Return what the next run of the session is told, if it is to mend what was refused."""
        match outcome.error_class:
            case "check_failed":
                return follow_up_of(self._commands[-1])
            case "spawn_refused":
                return correction_of(self.claimed.spawns or "", outcome.error_message or "")
            case _:
                return None

    async def _record(self, outcome: Outcome) -> tuple[Outcome, tuple[str, ...]]:
        """Return the outcome once all that the agent left in the repository is recorded, and the file of the patch."""
        if self._repository is None:
            return outcome, ()
        self._agent.show("recording what changed")
        self._change, patch = await self._repository.record(self._agent.masking)
        return recorded(outcome, self._change, self.claimed.no_changes), patch

    async def _prove(self, outcome: Outcome) -> Outcome:
        """Return the outcome once the check, if there is one, has decided on a success."""
        if self._check is None or not outcome.succeeded:
            if self._command is not None and self._command.is_alive:
                await self._context.sweeper.kill(self.claimed.run_id)
            return outcome
        self._agent.show(activity_of(self._check.kind, self._check.text))
        if self._command is None:
            self._command = self._process_of(self._check)
        check = Check(self._command, self._agent.masking, self._places, self._stop)
        result = await check.run(self._environment_of_command())
        if result is not None:
            self._commands.append(result)
        if self._stop.reason is not None and (result is None or result.verdict != "passed"):
            reason = self._stop.reason
            return replace(outcome, error_class=reason, error_message=STOPPED[reason])
        assert result is not None
        return judged(outcome, result)

    def _may_have_begun(self, known: OpenRun) -> bool:
        """Return whether a crash of the machine may have taken the record of an agent that was started."""
        if known.boot_id == linux.boot_id() or (self._repository and not self._repository.has_begun()):
            return False
        return self._command is None or self._command.reading.state != "dead"

    async def _find_command(self, command: Command | None) -> None:
        """Find out how far an earlier dispatcher came with it. The agent may have forged what is older than its end."""
        if command is not None:
            self._command = self._process_of(command)
            agent = self.workspace.directory / run_record.NAME
            await self._command.find(after=agent if command.kind == "check" else None)

    def _process_of(self, command: Command) -> CommandProcess:
        return CommandProcess(command, self.claimed, self.workspace, self._context, self._stop)

    def _environment_of_command(self) -> Mapping[str, str]:
        return environment_of_command(self.claimed, self.workspace, self._context.sweeper.owner)

    @property
    def _places(self) -> tuple[Path, Path]:
        return self.workspace.directory, self.workspace.work

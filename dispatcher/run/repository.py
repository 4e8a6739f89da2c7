"""The repository of a run: its clone before the agent, and the record of the change after it."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import outcome
import psycopg
import structlog
import trio

from dispatcher.database.store import NOT_OURS
from dispatcher.host.host_trouble import TASK_PAUSE, is_host_trouble
from dispatcher.host.threads import in_thread
from dispatcher.repositories.clones import Clone, make_clone, read_clone
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.input_files import not_in_base, note_inputs
from dispatcher.repositories.leftovers import note_worker, unrecorded, unrecorded_run
from dispatcher.repositories.patches import write_patch
from dispatcher.repositories.recording import RunName, is_recorded, record
from dispatcher.repositories.refs import base_ref, pin
from dispatcher.repositories.sources import find_source, resolve_base
from dispatcher.run.conclusion import STOPPED
from dispatcher.run.context import RunContext
from dispatcher.run.output.masking import Masking
from dispatcher.run.preparation.environment import marks_of
from dispatcher.run.preparation.refusals import NotStartedError, cannot
from dispatcher.run.results import Results
from dispatcher.run.stop_request import StopRequest
from dispatcher.workspaces.work_directory import Workspace
from sql import dispatcher_calls
from sql.rows.changes import Change
from sql.rows.dispatchers import ClaimedRun, InputFile

log = structlog.get_logger()
Result = TypeVar("Result")

PATCH = ".llmctl/changes.patch"
"""Where the patch lies in the private directory, and its name among the output files of the run."""


class RunRepository:
    """The repository of one run, whose task names one."""

    def __init__(
        self,
        claimed: ClaimedRun,
        workspace: Workspace,
        context: RunContext,
        results: Results,
        stop: StopRequest,
    ) -> None:
        self._claimed = claimed
        self._workspace = workspace
        self._context = context
        self._settings = context.configuration.settings
        self._results = results
        self._stop = stop
        self._base = claimed.base_commit
        self._inputs: Sequence[str] = ()

    async def clone(self, inputs: Sequence[InputFile]) -> None:
        """Make the clone with the input files in it, or go on in that of the session. Raises :class:`NotStartedError`.

        A stop ends that.
        """
        workspace, number = self._workspace, self._claimed.number
        try:
            clone = await self._with_git(self._begun, stopped=True)
            await self._note_base(clone)
            if not workspace.has_own_work:
                return
            remarks = await self._with_git(partial(make_clone, clone, number), stopped=True)
            self._inputs = await in_thread(not_in_base, workspace.work, [file.path for file in inputs])
            await in_thread(workspace.place_all, inputs)
        except RepositoryError as error:
            if self._stop.reason is not None:
                raise NotStartedError(self._stop.reason, STOPPED[self._stop.reason]) from error
            raise NotStartedError(error.error_class, str(error)) from error
        except OSError as error:
            raise cannot("the clone of the repository could not be made", error) from error
        log.info("cloned", task=number, source=str(clone.source.path), base=clone.base)
        for remark in remarks:
            log.warning("a clone lacks something", task=number, remark=remark)

    async def note_inputs(self) -> None:
        """Note which input files lie in the clone now. Raises :class:`NotStartedError`."""
        try:
            await in_thread(note_inputs, self._workspace.work, self._workspace.private, self._inputs)
        except OSError as error:
            raise cannot("the clone of the repository could not be made", error) from error

    def has_begun(self) -> bool:
        """Return whether :meth:`begin` came to its end, also before a crash of the machine."""
        try:
            run = unrecorded_run(self._workspace)
        except OSError:
            return True
        return is_recorded(self._workspace.private, self._claimed.run_id) or (
            run is not None and run.run_id == self._claimed.run_id
        )

    async def begin(self) -> None:
        """Note that this run works in the clone from now on. Raises :class:`NotStartedError`."""
        try:
            await in_thread(note_worker, self._workspace, self._name)
        except OSError as error:
            raise cannot("the clone of the repository cannot be used", error) from error

    async def record(self, masking: Masking) -> tuple[Change, tuple[str, ...]]:
        """Record all that the agent left; return what that is, and the paths of the files that are kept of it.

        While this host has no room for it, that waits, unless somebody stops the run. What cannot be recorded stays in
        the workspace.
        """
        while True:
            try:
                change, has_patch = await self._with_git(partial(self._recorded, masking.of_files))
                break
            except (RepositoryError, OSError) as error:
                is_trouble = (
                    error.error_class == "no_resources"
                    if isinstance(error, RepositoryError)
                    else is_host_trouble(error)
                )
                if not is_trouble or self._stop.reason is not None:
                    log.error("a change is not recorded", task=self._claimed.number, error=str(error))
                    return self._unrecorded(str(error)), ()
                log.warning(
                    "recording waits", task=self._claimed.number, error=str(error), retry_in_s=TASK_PAUSE
                )
                with self._stop.preliminary():
                    await trio.sleep(TASK_PAUSE)
        log.info("change recorded", task=self._claimed.number, ref=change.ref, files=change.files)
        if not has_patch:
            return change, ()
        max_bytes = self._settings.execution.max_output_bytes
        return change, await self._results.keep_patch(self._workspace.private, PATCH, max_bytes, masking)

    def _begun(self, git: Git) -> Clone:
        """Decide on source and base, and keep the base from being collected as garbage.

        Raises RepositoryError and OSError.
        """
        clone = self._choose(git)
        pin(clone.source, base_ref(self._claimed.number), clone.base, self._claimed.task_id, git)
        self._base = clone.base
        return clone

    def _choose(self, git: Git) -> Clone:
        """Return the clone of the run. What the agent of an earlier run could write decides on nothing but the base."""
        claimed, workspace = self._claimed, self._workspace
        source = find_source(claimed.repository or "", self._settings, git)
        base = self._base
        if base is None and not workspace.has_own_work:
            earlier = read_clone(workspace.work, workspace.private)
            if earlier is None:
                raise RepositoryError(
                    "invalid_request", f"the clone of the session is gone from {workspace.work}"
                )
            base = earlier.base
        return Clone(
            workspace.work, workspace.private, source, base or resolve_base(source, claimed.ref, git)
        )

    def _recorded(self, masking: Masking, git: Git) -> tuple[Change, bool]:
        """Record the change and write its patch; return whether there is one. Raises RepositoryError and OSError."""
        clone = self._choose(git)
        change = record(clone, self._name, git)
        if change.ref is None or change.files == 0:
            return change, False
        target = clone.private / PATCH
        target.parent.mkdir(mode=0o700, exist_ok=True)
        target.unlink(missing_ok=True)
        write_patch(clone, change, target, git)
        if _is_masked(target, masking):
            with target.open("ab") as patch:  # what follows a patch means nothing to `git apply`
                patch.write(f"llmctl: *** stands for keys of the account, which {change.ref} has\n".encode())
        return change, True

    def _unrecorded(self, problem: str) -> Change:
        claimed = self._claimed
        source = claimed.source or claimed.repository or ""
        return unrecorded(self._workspace, self._name, source, self._base or "", problem)

    @property
    def _name(self) -> RunName:
        claimed = self._claimed
        return RunName(claimed.number, claimed.run_no, claimed.run_id, claimed.task_id, claimed.tool)

    async def _note_base(self, clone: Clone) -> None:
        call = dispatcher_calls.note_base(
            self._context.store.dispatcher_id, self._claimed.run_id, str(clone.source.path), clone.base
        )
        try:
            is_ours = await self._context.store.patiently("noting the base of a clone", call)
        except psycopg.DatabaseError as error:
            if error.sqlstate != NOT_OURS:
                raise
            is_ours = False
        if not is_ours:
            raise NotStartedError("interrupted", "another dispatcher has this run now")

    async def _with_git(self, call: Callable[[Git], Result], *, stopped: bool = False) -> Result:
        """Call in a thread with a git of its own, which the end of this dispatcher kills, and a stop if ``stopped``."""
        git = Git(marks_of(self._claimed.run_id, self._context.sweeper.owner))
        request = self._stop if stopped else StopRequest()

        async def kill_when_asked() -> None:
            try:
                await request.wait()
            finally:
                git.stop()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill_when_asked)
            async with self._context.git:
                result = await in_thread(outcome.capture, call, git)
            nursery.cancel_scope.cancel()
        return result.unwrap()


def _is_masked(patch: Path, masking: Masking) -> bool:
    """Return whether a patch will be stored with masks in the places of keys."""
    if not masking.longest:
        return False
    with patch.open("rb") as content:
        kept = sum(map(len, masking.stream(iter(partial(content.read, 2**20), b""))))
        return kept != content.tell()

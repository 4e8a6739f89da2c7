"""The repository of a run: its clone before the agent, and the record of the change after it."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import outcome
import psycopg
import structlog
import trio

from dispatcher.database.store import NOT_OURS
from dispatcher.host.threads import in_thread
from dispatcher.repositories.clones import Clone, make_clone, read_clone
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.refs import base_ref, pin
from dispatcher.repositories.sources import find_source, resolve_base
from dispatcher.run.conclusion import STOPPED
from dispatcher.run.context import RunContext
from dispatcher.run.preparation.environment import marks_of
from dispatcher.run.preparation.refusals import NotStartedError, cannot
from dispatcher.run.stop_request import StopRequest
from dispatcher.workspaces.work_directory import Workspace
from sql import dispatcher_calls
from sql.dispatcher_rows import ClaimedRun, InputFile

log = structlog.get_logger()
Result = TypeVar("Result")


class RunRepository:
    """The repository of one run, whose task names one."""

    def __init__(self, claimed: ClaimedRun, workspace: Workspace, context: RunContext) -> None:
        self._claimed = claimed
        self._workspace = workspace
        self._context = context
        self._settings = context.configuration.settings

    async def clone(self, inputs: Iterable[InputFile], stop: StopRequest) -> None:
        """Make the clone with the input files in it, or go on in that of the session. Raises :class:`NotStartedError`.

        A stop ends that.
        """
        workspace = self._workspace
        try:
            clone = await self._with_git(self._choose, stop)
            await self._note_base(clone)
            if not workspace.has_own_work:
                return
            remarks = await self._with_git(lambda git: make_clone(clone, self._claimed.number, git), stop)
            await in_thread(workspace.place_all, inputs)
        except RepositoryError as error:
            if stop.reason is not None:
                raise NotStartedError(stop.reason, STOPPED[stop.reason]) from error
            raise NotStartedError(error.error_class, str(error)) from error
        except OSError as error:
            raise cannot("the clone of the repository could not be made", error) from error
        log.info("cloned", task=self._claimed.number, source=str(clone.source.path), base=clone.base)
        for remark in remarks:
            log.warning("a clone lacks something", task=self._claimed.number, remark=remark)

    def _choose(self, git: Git) -> Clone:
        """Decide on source and base, and keep the base from being collected as garbage.

        Raises RepositoryError and OSError.
        """
        claimed, workspace = self._claimed, self._workspace
        if not workspace.has_own_work:
            clone = read_clone(workspace.work, workspace.private)
            if clone is None:
                raise RepositoryError(
                    "invalid_request", f"the clone of its session is gone from {workspace.work}"
                )
        else:
            source = find_source(claimed.repository or "", self._settings, git)
            base = claimed.base_commit or resolve_base(source, claimed.ref, git)
            clone = Clone(workspace.work, workspace.private, source, base)
        pin(clone.source, base_ref(claimed.number), clone.base, self._owner, git)
        return clone

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

    @property
    def _owner(self) -> str:
        """The id of the database, which tells our refs from those of others with the same number."""
        return self._workspace.directory.parent.name

    async def _with_git(self, call: Callable[[Git], Result], stop: StopRequest | None = None) -> Result:
        """Call in a thread with a git of its own, which a stop and the end of this dispatcher kill."""
        git = Git(marks_of(self._claimed.run_id, self._context.sweeper.owner))

        async def kill_when_asked() -> None:
            try:
                await (stop or StopRequest()).wait()
            finally:
                git.stop()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill_when_asked)
            result = await in_thread(outcome.capture, call, git)
            nursery.cancel_scope.cancel()
        return result.unwrap()

"""Deleting workspaces that are done with, and keeping those in which a session may continue."""

import contextlib
import math
import time
import uuid

import structlog
import trio

from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.configuration.sections.runs import ExecutionSettings
from dispatcher.database.store import Store
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.threads import in_thread
from dispatcher.loop.active_runs import ActiveRuns
from dispatcher.repositories.recording import RunName
from dispatcher.run.conclusion import CUT_SHORT, LONGEST_LIMIT
from dispatcher.run.leftovers import Leftovers
from dispatcher.run.life import Run
from dispatcher.workspaces import run_record
from dispatcher.workspaces.work_directory import WorkDirectory, Workspace
from sql import dispatcher_calls
from sql.rows.dispatchers import Report

log = structlog.get_logger()

EXPIRY_PAUSE = 3600.0
"""Least time in seconds between two looks for directories of sessions that need not be kept any longer."""
TRASH_PAUSE = 1.0
"""Seconds in which workspaces gather, to be deleted together."""
MOUNT_PAUSE = 60.0
"""Seconds between two looks whether a mount in the trash is gone. A look costs half a millisecond."""


class Cleanup:
    """Does what ``execution.cleanup`` and ``execution.keep_sessions`` say."""

    def __init__(
        self,
        work_directory: WorkDirectory,
        store: Store,
        configuration: CurrentConfiguration,
        active: ActiveRuns,
    ) -> None:
        self._work_directory = work_directory
        self._store = store
        self._configuration = configuration
        self._active = active
        self._leftovers = Leftovers(store, configuration)
        self.caught_up = trio.Event()
        """Set once all that earlier dispatchers left is recorded, as far as that is possible, or discarded."""
        self._discarded = AutoResetEvent()
        self._emptying = trio.Lock()

    async def run(self) -> None:
        """Delete what was discarded, at a time when nobody waits for it."""
        await self._active.adopted.wait()
        try:
            await self._discard_leftovers()
            await in_thread(self._discard_expired)
        finally:
            self.caught_up.set()
        looked = trio.current_time()
        while True:
            if trio.current_time() - looked > EXPIRY_PAUSE:
                await in_thread(self._discard_expired)
                looked = trio.current_time()
            held = await self.empty_trash()
            await self._discarded.wait(until=trio.current_time() + MOUNT_PAUSE if held else math.inf)
            await trio.sleep(TRASH_PAUSE)
            self._discarded.clear()

    async def empty_trash(self) -> bool:
        """Delete now what was discarded. Prompts and output must not stay on the disk until the next start.

        Returns whether a mount keeps a part of it.
        """
        async with self._emptying:
            return await self._work_directory.trash.empty()

    def ended(self, run: Run, report: Report) -> None:
        """Mark what is kept of a run, before its end is reported to the database.

        After a crash, the next start takes a directory without a mark for one that is done with.
        """
        if (keep_for := self._keeps_session(run, report)) > 0:
            try:
                self._work_directory.mark_kept(run.workspace, keep_for)
            except OSError as error:
                log.warning("a session cannot be kept", task=run.claimed.number, error=str(error))

    def reported(self, run: Run, report: Report) -> None:
        """Discard what is not needed of a run whose end the database knows."""
        change = report.change
        if change is not None and (change.ref is None or change.kept_in is not None):
            self._leftovers.keep(run.workspace)
        if not self._is_done_with(report):
            return
        try:
            if run.claimed.repository is not None and self._leftovers.hold_work(run.workspace):
                log.error("a workspace stays: not all in it is recorded", path=str(run.workspace.work))
                return
            self._let_go(run, report)
        except OSError as error:
            log.warning("a workspace cannot be removed", task=run.claimed.number, error=str(error))
        self._discarded.set()

    @property
    def _settings(self) -> ExecutionSettings:
        return self._configuration.settings.execution

    def _is_done_with(self, report: Report) -> bool:
        cleanup = self._settings.cleanup
        return cleanup == "always" or (cleanup == "on_success" and report.error_class is None)

    def _keeps_session(self, run: Run, report: Report) -> float:
        """Return for how many seconds the session's directory is kept when the rest of the workspace is not."""
        if report.session_id is None or run.claimed.workdir is not None or not self._is_done_with(report):
            return 0
        keep_for = self._settings.keep_sessions
        return max(keep_for, LONGEST_LIMIT) if report.error_class in CUT_SHORT or report.spawn else keep_for

    def _let_go(self, run: Run, report: Report) -> None:
        """Discard a workspace, except the directory in which its session may continue. Raises OSError."""
        if self._keeps_session(run, report) > 0:
            run.workspace.strip()
            return
        run.workspace.discard()
        if report.session_id is not None and run.claimed.workdir is None and not run.workspace.has_own_work:
            # The session continued in the directory of an earlier run, which is not needed any more either.
            Workspace(run.workspace.work.parent, run.workspace.work).discard()

    async def _discard_leftovers(self) -> None:
        """Discard workspaces that a dispatcher could not discard because it died.

        A workspace without an exit record stays, unless the database has the result of its run: if the run was given
        up as lost, the files may be all that is left of it. The agent may have destroyed the record.
        """
        await self._leftovers.record(await in_thread(self._workspaces), self._is_ours)
        if self._settings.cleanup != "always":
            return
        doubtful = await in_thread(self._discard_ended)
        settled = await self._store.patiently(
            "looking for results", dispatcher_calls.settled_runs(list(doubtful))
        )
        for run_id in settled:
            self._discard(doubtful[run_id])

    def _discard_ended(self) -> dict[str, Workspace]:
        """Discard workspaces with an exit record; return the others, by the id of the run in their record."""
        doubtful = {}
        for workspace in self._workspaces():
            try:
                if workspace.kept_until is not None:
                    continue
                reading = run_record.read(workspace.directory)
            except OSError as error:
                _complain(workspace, error)
                continue
            if reading.state in ("ended", "never_started"):
                self._discard(workspace)
            elif reading.header is not None:
                with contextlib.suppress(ValueError):  # an agent may have written anything
                    doubtful[str(uuid.UUID(reading.header.run_id))] = workspace
        return doubtful

    def _discard(self, workspace: Workspace) -> None:
        # Asked last: a new run is active before its workspace is made.
        if self._is_in_use(workspace):
            return
        try:
            if not self._leftovers.hold_work(workspace):
                workspace.discard()
        except OSError as error:
            log.warning("an old workspace cannot be removed", path=str(workspace.directory), error=str(error))

    def _discard_expired(self) -> None:
        """Discard directories of sessions whose time is over."""
        now = time.time()
        for workspace in self._workspaces():
            try:
                until = workspace.kept_until
                is_over = until is not None and until < now
                if is_over and not self._is_in_use(workspace) and not self._leftovers.hold_work(workspace):
                    workspace.discard()
            except OSError as error:
                log.warning(
                    "the directory of an old session cannot be removed",
                    path=str(workspace.directory),
                    error=str(error),
                )

    def _workspaces(self) -> list[Workspace]:
        try:
            return self._work_directory.workspaces()
        except OSError as error:
            log.warning("cannot look for old workspaces", error=str(error))
            return []

    def _is_ours(self, workspace: Workspace, run: RunName) -> bool:
        return run.run_id in self._active or self._is_in_use(workspace)

    def _is_in_use(self, workspace: Workspace) -> bool:
        """Return whether a run has its files there, or works there because it continues the session of another run."""
        return any(
            workspace.directory in (run.workspace.directory, run.workspace.work.parent)
            for run in self._active
        )


def _complain(workspace: Workspace, error: OSError) -> None:
    log.warning("an old workspace cannot be removed", path=str(workspace.directory), error=str(error))

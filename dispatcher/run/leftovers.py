"""Recording what runs left in clones that nobody watched to their end, such as runs that were given up as lost."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import structlog

from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.database.store import Store
from dispatcher.host import survivors
from dispatcher.host.threads import in_thread
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.leftovers import record_leftover, unrecorded, unrecorded_run
from dispatcher.repositories.recording import RunName
from dispatcher.wall import Wall
from dispatcher.workspaces import run_record
from dispatcher.workspaces.work_directory import Workspace
from sql import dispatcher_calls
from sql.rows.dispatchers import Change, UnrecordedRun

log = structlog.get_logger()


class Leftovers:
    """Knows which workspaces must stay, because their clones hold work that is not recorded, and records it.

    Both the private directory and the database say what is not recorded: an agent can destroy what is on the disk, and
    the database does not know what a dispatcher could not tell it.
    """

    def __init__(self, store: Store, configuration: CurrentConfiguration) -> None:
        self._store = store
        self._configuration = configuration
        self._unrecorded: set[Path] = set()

    def hold_work(self, workspace: Workspace) -> bool:
        """Return whether something in this clone is not recorded. Raises OSError."""
        return workspace.work.parent in self._unrecorded or unrecorded_run(workspace) is not None

    def keep(self, workspace: Workspace) -> None:
        """Keep the clone of a run that could not be recorded."""
        self._unrecorded.add(workspace.work.parent)

    async def record(
        self, workspaces: Sequence[Workspace], is_ours: Callable[[Workspace, RunName], bool]
    ) -> None:
        """Record what is not recorded, and tell the database. ``is_ours``: a run of ours is at work there."""
        if not workspaces:
            return
        names = [workspace.directory.name for workspace in workspaces]
        call = dispatcher_calls.unrecorded_runs(self._store.dispatcher_id, names)
        known = await self._store.patiently("looking for work that is not recorded", call)
        for workspace in workspaces:
            runs = [run for run in known if run.directory == workspace.directory.name]
            if runs:
                self._unrecorded.add(workspace.directory)
            with Wall("recording a leftover", path=str(workspace.work)):
                await self._record_all(workspace, runs, is_ours)

    async def _record_all(
        self,
        workspace: Workspace,
        known: Sequence[UnrecordedRun],
        is_ours: Callable[[Workspace, RunName], bool],
    ) -> None:
        latest = await in_thread(unrecorded_run, workspace)
        owed = {str(run.run_id): run for run in known if await in_thread(_is_place_of, workspace, run)}
        names = [*map(_name_of, owed.values())]
        if latest is not None and latest.run_id not in owed:
            names.append(latest)
        # The run that worked there last comes last: the private directory names it as the one that is recorded.
        names.sort(key=lambda name: latest is not None and name.run_id == latest.run_id)
        whole = True
        for name in names:
            # An agent may have written the name of another run there.
            if is_ours(workspace, name):
                return
            change = await in_thread(partial(self._recorded, workspace, name, owed.get(name.run_id)))
            whole = whole and change is not None and change.kept_in is None
            if change is not None and name.run_id in owed:
                call = dispatcher_calls.keep_change(self._store.dispatcher_id, name.run_id, change)
                await self._store.patiently("storing what was recorded", call)
        if whole and len(owed) == len(known):
            self._unrecorded.discard(workspace.directory)

    def _recorded(self, workspace: Workspace, run: RunName, known: UnrecordedRun | None) -> Change | None:
        """Record it, and return what the database is to know of that."""
        if survivors.kill_run(run.run_id).alive:
            log.error("a change is not recorded: its processes do not die", path=str(workspace.work))
            return None
        origin = None if known is None else (known.source, known.base_commit)
        # Not by the mark of our own: the sweeper kills what is left of runs that are over.
        git = Git({survivors.RUN: run.run_id})
        try:
            change = record_leftover(workspace, run, origin, self._configuration.settings, git)
        except (RepositoryError, OSError) as error:
            log.error("a change is not recorded", path=str(workspace.work), error=str(error))
            return unrecorded(workspace, run, *origin, str(error)) if origin is not None else None
        if change.kept_in is not None:
            log.error("not all of a change is recorded", path=change.kept_in, error=change.problem)
        else:
            log.warning("recorded what a run had left", task=run.number, source=change.source, ref=change.ref)
        return change


def _is_place_of(workspace: Workspace, run: UnrecordedRun) -> bool:
    """Return whether there may be work of the run. Raises OSError.

    After a restore from a dump, the workspace of this name may be that of another run.
    """
    if not workspace.work.exists():
        return False
    own = workspace.directory.with_name(f"{run.number}-{run.run_no}")
    header = run_record.read(own).header
    return header is None or header.run_id == str(run.run_id)


def _name_of(run: UnrecordedRun) -> RunName:
    return RunName(run.number, run.run_no, str(run.run_id), str(run.task_id), run.tool)

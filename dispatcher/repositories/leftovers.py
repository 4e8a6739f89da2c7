"""Which run works in a clone, and whether its work is recorded: a clone that is not must not be removed.

Before the agent of a run starts, its name is written into the private directory beside the clone.
"""

import msgspec

from dispatcher.configuration.settings import Settings
from dispatcher.repositories import plain_files
from dispatcher.repositories.clones import Clone, read_clone
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.recording import RECORDED, RunName, is_recorded, record
from dispatcher.repositories.refs import run_ref
from dispatcher.repositories.sources import find_source
from dispatcher.workspaces import run_record
from dispatcher.workspaces.work_directory import Workspace
from sql.rows.dispatchers import Change

WORKER = "run.json"


def note_worker(workspace: Workspace, run: RunName) -> None:
    """Note that this run works in the clone from now on. Raises OSError."""
    plain_files.write_durably(workspace.private / WORKER, msgspec.json.encode(run))


def unrecorded_run(workspace: Workspace) -> RunName | None:
    """Return the run whose work in this clone is not recorded; None if there is none. Raises OSError.

    An agent may have destroyed what we noted. Then the run record names the run, unless something is recorded.
    """
    if not plain_files.is_directory(workspace.private):
        return None
    try:
        run = msgspec.json.decode(plain_files.read_plain(workspace.private / WORKER) or b"", type=RunName)
    except msgspec.MsgspecError:
        reading = run_record.read(workspace.work.parent)
        header = reading.header
        if header is None or reading.state == "never_started":
            return None
        run = RunName(header.number, header.run_no, header.run_id, header.run_id, header.tool)
        return None if (workspace.private / RECORDED).exists() else run
    return None if is_recorded(workspace.private, run.run_id) else run


def record_leftover(
    workspace: Workspace, run: RunName, origin: tuple[str, str] | None, settings: Settings, git: Git
) -> Change:
    """Record what a run left that nobody watched to its end. Raises :class:`RepositoryError` and OSError.

    ``origin`` is the path of its repository, and its base. Without it the private directory says that. An agent can
    write there, so in any case it must be a repository for tasks.
    """
    if origin is None:
        clone = read_clone(workspace.work, workspace.private)
        if clone is None:
            raise RepositoryError(
                "not_recorded", f"nothing says any more of which repository {workspace.work} is"
            )
        origin = str(clone.source.path), clone.base
    path, base = origin
    return record(Clone(workspace.work, workspace.private, find_source(path, settings, git), base), run, git)


def unrecorded(workspace: Workspace, run: RunName, source: str, base: str, problem: str) -> Change:
    """Return what is known of a change that could not be recorded."""
    return Change(
        source=source,
        base_commit=base,
        problem=f"{problem}; each start of the dispatcher tries to record it as {run_ref(run.number, run.run_no)}",
        kept_in=str(workspace.work),
    )

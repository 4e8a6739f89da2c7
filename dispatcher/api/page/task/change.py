"""What the last run that recorded anything made of the repository of its task, as much of it as fits a page."""

from dataclasses import dataclass
from operator import itemgetter

from dispatcher.api.caller import Caller
from dispatcher.api.page.task.patches import Bounds, ShownPatch, shown
from dispatcher.api.routes.diff import PATCH
from dispatcher.errors import NotFoundError
from dispatcher.host.threads import in_thread
from dispatcher.workspaces.stored_files import FileElsewhereError, open_stored
from sql import calls
from sql.rows.changes import Change
from sql.rows.output import StoredFile
from sql.rows.people import Task

AT_FIRST = Bounds(files=100, lines=400, characters=150_000)
IN_FULL = Bounds(files=500, lines=5_000, characters=600_000)
"""What a link shows; all of it is in the file."""
MOST_READ = 8 * 2**20
"""Bytes of a patch that are looked into."""
OPEN_LINES = 60
"""So many lines of all files are open at first, if there are no more."""


@dataclass(frozen=True)
class Changed:
    """``patch`` is None while an agent works, and where the patch cannot be read: ``problem`` says why then."""

    run_no: int
    change: Change
    patch: ShownPatch | None = None
    problem: str | None = None

    @property
    def opened(self) -> bool:
        """Whether its lines are so few that all of them are shown at once."""
        return self.patch is not None and sum(file.lines for file in self.patch.files) <= OPEN_LINES

    @property
    def files_left(self) -> int:
        return max(0, self.change.files - len(self.patch.files if self.patch else self.change.stat))


async def changed_by(caller: Caller, task: Task, *, full: bool) -> Changed | None:
    """Return the last change that was recorded; None if there is none.

    While an agent works, each of its steps brings the page up to date: then nothing is sent of a patch before it.
    """
    changes = [
        (run.change.ref is not None, run.run_no, run.change) for run in task.runs if run.change is not None
    ]
    if not changes:
        return None
    recorded, run_no, change = max(changes, key=itemgetter(0, 1))
    if not recorded or not change.files or task.status in ("leased", "running"):
        return Changed(run_no, change)
    try:
        stored = await caller.call(calls.read_file(str(task.number), PATCH))
        return Changed(run_no, change, await in_thread(_shown, stored, IN_FULL if full else AT_FIRST))
    except (NotFoundError, FileElsewhereError, OSError) as error:
        return Changed(run_no, change, problem=str(error))


def _shown(file: StoredFile, bounds: Bounds) -> ShownPatch:
    """Raises :class:`FileElsewhereError`, and :class:`OSError` for a disk that does not read."""
    if file.storage_url is None:
        beginning = (file.content or b"")[:MOST_READ]
    else:
        with open_stored(file.storage_url) as stored:
            beginning = stored.read(MOST_READ)
    return shown(beginning, bounds, cut=file.size_bytes > len(beginning))

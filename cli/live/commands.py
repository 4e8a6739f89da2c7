"""What the keys ask the database for. All of it is synchronous; the session calls it in a thread."""

from msgspec import structs

from cli.database.connection import Database
from cli.database.log_reading import CaughtUp, RunBegins, RunEnded, TaskLog
from cli.input.task_fields import facts_of
from cli.live.model import Act, Steer
from cli.live.press import named
from cli.show.task_tables import describe
from dispatcher.log_views import Raw, View, remarks, view_of
from sql import calls
from sql.rows.people import BulkResult
from sql.selection import Selection

DONE = {
    "cancel": "canceled or asked to stop",
    "retry": "tried again",
    "hold": "held",
    "release": "released",
    "top": "put first",
}


def perform(db: Database, command: Act | Steer) -> str:
    """Do what a command says, and return its outcome for people. Raises :class:`dispatcher.errors.DispatchError`."""
    match command:
        case Steer(group, pause):
            db.call(calls.pause_group(group) if pause else calls.resume_group(group))
            return f"{group} is paused: what runs there goes on" if pause else f"{group} is open again"
        case Act(action, numbers):
            select = Selection(tasks=[str(number) for number in numbers])
            return outcome(action, db.call(calls.act_on_tasks(action, select)))


def outcome(action: str, result: BulkResult) -> str:
    """Say what an action did, and why it is not allowed for the first task that it left alone."""
    parts = [f"{named(list(result.numbers))}: {DONE[action]}"] if result.numbers else []
    if result.refused:
        first, *others = result.refused
        hint = f" ({first.hint})" if first.hint else ""
        parts.append(f"{first.message}{hint}" + (f", and {len(others):,} more" if others else ""))
    return "; ".join(parts) or f"nothing to {action}"


def described(db: Database, number: int) -> str:
    """Return everything about a task as text, as `llmctl show` prints it."""
    told = db.call(calls.show_task(str(number), with_output=False))
    return describe(told, facts_of(structs.asdict(told)))


class Log:
    """The log of one task, as text that grows."""

    def __init__(self, task: int) -> None:
        self._log = TaskLog(str(task), None, "stdout", follow=True)
        self._view: View = Raw()
        self._runs = 0
        self._unread: list[str] = []

    def read(self, db: Database) -> tuple[str, str]:
        """Return what is new, and a note about the log as a whole. Raises :class:`dispatcher.errors.DispatchError`."""
        note = "ended"
        for news in self._log.read(db):
            match news:
                case RunBegins(state):
                    self._view = view_of(state.tool, "stdout", raw=False)
                    if self._runs:
                        self._unread.append(f"\n[run {state.run_no}]\n")
                    self._runs += 1
                case bytes():
                    self._unread.append(self._view.feed(news).decode(errors="replace"))
                case RunEnded(state):
                    self._unread.append(self._view.end().decode(errors="replace"))
                    self._unread += [
                        f"[{said}]\n"
                        for said in remarks(state, "stdout", shown_by="by `llmctl logs --stderr`")
                    ]
                case CaughtUp(state):
                    note = "" if state.run_no is not None else "has not started yet"
        # Only now: the database may have gone away in the middle, and what was read by then comes next time.
        text = "".join(self._unread)
        self._unread.clear()
        return text, note

"""Which dispatchers are alive, what each of them runs, and which database they use: as text and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import Connection, description, embedded_server, execute, translated
from dispatcher.database.migrate import open_database
from dispatcher.durations import duration
from dispatcher.terminal import escaped, one_line
from dispatcher.workspaces.gone import note_gone
from sql import calls
from sql.rows.people import ActiveTask, DispatcherRow


@dataclass(frozen=True, slots=True)
class Status:
    """``database`` names the server. ``tasks`` are those that a dispatcher has claimed and not ended."""

    database: str
    dispatchers: Sequence[DispatcherRow]
    tasks: Sequence[ActiveTask]

    @property
    def alive(self) -> bool:
        return any(dispatcher.alive for dispatcher in self.dispatchers)

    def tasks_of(self, dispatcher: DispatcherRow) -> list[ActiveTask]:
        return [task for task in self.tasks if task.dispatcher_id == dispatcher.id]


def read_status(settings: Settings) -> Status:
    """Read the status from the database; dispatchers that have ended are left out. Raises :class:`DispatchError`."""
    with open_database(settings, application_name="dispatcher status") as connection, translated():
        note_gone(connection, settings.execution.work_directory())
        return Status(
            _database(connection, settings),
            execute(connection, calls.list_dispatchers()),
            execute(connection, calls.list_active()),
        )


def as_lines(status: Status) -> list[str]:
    """Return a line for each dispatcher and task. What hosts, agents and producers wrote is made harmless."""
    lines = [f"database    {one_line(status.database)}"]
    for dispatcher in status.dispatchers:
        lines.append(f"dispatcher  {one_line(_in_words(dispatcher))}")
        lines += [f"  {_task_in_words(task)}" for task in status.tasks_of(dispatcher)]
    if not status.dispatchers:
        lines.append("dispatcher  none is running; start one: `dispatcher run`")
    return lines


def as_json(status: Status) -> str:
    content = {
        "database": status.database,
        "dispatchers": [
            {**msgspec.structs.asdict(dispatcher), "tasks": status.tasks_of(dispatcher)}
            for dispatcher in status.dispatchers
        ],
    }
    return escaped(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())


def _in_words(dispatcher: DispatcherRow) -> str:
    life = "alive" if dispatcher.alive else "away, its agents may still run"
    if dispatcher.alive and dispatcher.draining:
        life = "stopping, starts nothing more"
    serves = ", ".join(dispatcher.groups) if dispatcher.groups is not None else "all groups"
    return (
        f"{dispatcher.host}, process {dispatcher.pid}, version {dispatcher.version}: {life},"
        f" heartbeat {duration(dispatcher.heartbeat_age_s)} ago; runs {dispatcher.active}, serves {serves}"
    )


def _task_in_words(task: ActiveTask) -> str:
    state = "is stopped" if task.stops else "starts" if task.status == "leased" else "runs"
    name = f" {one_line(task.title)}" if task.title else ""
    doing = f": {one_line(task.activity)}" if task.activity else ""
    return f"{task.number}{name}  {one_line(task.group_name)}, {state} for {duration(task.elapsed_s)}{doing}"


def _database(connection: Connection, settings: Settings) -> str:
    words = description(settings, connection)
    if settings.database.url is None:
        words += f", process {embedded_server().status().pid}"
    return words

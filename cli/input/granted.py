"""What the only dispatcher that can run a task would refuse, said before it is queued.

The database refuses what each dispatcher at work refuses. While none is at work it cannot know, but this host can: an
embedded server serves nobody else, and config.yaml says what `dispatcher run` will grant.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from dispatcher.configuration import settings
from dispatcher.configuration.grants import Right, refused_rights
from dispatcher.errors import UsageError

if TYPE_CHECKING:
    from cli.database.connection import Database

ASKED: Mapping[str, Right] = {"setup_command": "commands", "check_command": "commands"}
OPTIONS = {"setup_command": "--setup", "check_command": "--check"}


def require_granted(db: "Database", tasks: Iterable[Mapping[str, object]]) -> None:
    """Raise :class:`UsageError` for the first task that asks for a right which this host will not grant."""
    asking = _asking(tasks)
    if not asking:
        return
    configuration = settings.load()
    refused = set(refused_rights(configuration)) & asking.keys()
    if configuration.database.url is not None or not refused or _is_anybody_at_work(db):
        return
    _refuse(asking, refused)


def _asking(tasks: Iterable[Mapping[str, object]]) -> dict[Right, str]:
    """Return the rights that these tasks ask for, each with the option that asks."""
    found: dict[Right, str] = {}
    for task in tasks:
        for key, right in ASKED.items():
            if task.get(key):
                found.setdefault(right, OPTIONS[key])
        if task.get("permission") == "full":
            found.setdefault("full", "--permission full")
    return found


def _is_anybody_at_work(db: "Database") -> bool:
    from sql import calls

    return any(row.alive for row in db.call(calls.list_dispatchers()))


def _refuse(asking: Mapping[Right, str], refused: Collection[Right]) -> None:
    file = settings.config_file() or "config.yaml"
    if "commands" in refused:
        raise UsageError(
            f"the task brings a command ({asking['commands']}), which `dispatcher run` would refuse here",
            hint=f"write `security: {{allow_commands: true}}` into {file}, or write the command below"
            " `repositories:` there",
        )
    raise UsageError(
        "the task asks for permission full, which `dispatcher run` would refuse here",
        hint=f"write `security: {{allow_dangerous_flags: true}}` into {file}, or submit it with --permission edit",
    )

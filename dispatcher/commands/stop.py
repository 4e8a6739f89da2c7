"""`dispatcher stop`: asks the dispatcher of this work directory to end, and waits until it has."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dispatcher.commands.options import say, settings_of
from dispatcher.errors import DispatchError, UsageError
from dispatcher.workspaces.lock_holder import LockHolder, find_by_pid, find_lock_holder

if TYPE_CHECKING:
    from dispatcher.configuration.settings import Settings


def stop(
    context: typer.Context,
    now: Annotated[
        bool, typer.Option("--now", help="Also stop its agents and queue their tasks again.")
    ] = False,
) -> None:
    """End the dispatcher of this work directory, and wait for its end.

    Its agents have up to `dispatcher.grace` to end. Those that do not end keep running until the next start.
    """
    settings = settings_of(context)
    work_dir = settings.execution.work_directory()
    holder = _only_holder(work_dir) or _bereft(settings, work_dir)
    if holder is None:
        say(f"no dispatcher holds {work_dir}")
        return
    try:
        holder.signal(signal.SIGTERM)
        if now:
            # Another signal, since the kernel may merge two of the same.
            holder.signal(signal.SIGINT)
    except PermissionError as error:
        raise DispatchError(f"process {holder.pid} is another user's; stop it as that user") from error
    except ProcessLookupError:
        return
    if now:
        say(f"process {holder.pid} stops its agents; their tasks are queued again")
    else:
        say(
            f"process {holder.pid} starts nothing more and waits for agents, {settings.dispatcher.grace:g} s at most"
        )
    holder.wait()


def _bereft(settings: "Settings", work_dir: Path) -> LockHolder | None:
    """Find the dispatcher whose work directory was deleted while it ran, by what the database knows of it."""
    from dispatcher.database.connection import execute, translated
    from dispatcher.database.migrate import open_database
    from dispatcher.host import linux
    from sql import calls

    if any(work_dir.glob("*/.lock")):
        return None
    try:
        with open_database(settings, application_name="dispatcher stop") as connection, translated():
            rows = execute(connection, calls.find_dispatchers(linux.boot_id(), str(work_dir.resolve())))
    except DispatchError:
        return None  # nothing shows that there is one
    found = (find_by_pid(row.pid, row.since_s) for row in rows)
    return next((holder for holder in found if holder is not None), None)


def _only_holder(work_dir: Path) -> LockHolder | None:
    """Find the one dispatcher that works there.

    Each database that uses a work directory has a directory of its own in it. As a rule only one of them is in use.
    """
    found = [find_lock_holder(lock.parent) for lock in sorted(work_dir.glob("*/.lock"))]
    holders = [holder for holder in found if holder is not None]
    if len(holders) > 1:
        raise UsageError(
            f"several dispatchers, of different databases, work in {work_dir}: processes"
            f" {', '.join(str(holder.pid) for holder in holders)}; end the one that you mean with `kill -TERM`"
        )
    return holders[0] if holders else None

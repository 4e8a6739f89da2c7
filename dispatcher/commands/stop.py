"""`dispatcher stop`: asks the dispatcher of this work directory to end, and waits until it has."""

import signal
from collections.abc import Callable
from pathlib import Path

from dispatcher.configuration.settings import Settings
from dispatcher.errors import DispatchError, UsageError
from dispatcher.workspaces.lock_holder import Holder, find_holder


def stop(settings: Settings, *, now: bool, say: Callable[[str], None]) -> None:
    """Let the dispatcher drain, or with ``now`` stop its agents, too; return when its process is gone.

    Raises :class:`DispatchError` when it may not be signalled, or cannot be seen from here.
    """
    root = settings.execution.work_directory()
    holder = _holder(root)
    if holder is None:
        say(f"no dispatcher holds {root}")
        return
    try:
        holder.signal(signal.SIGTERM)
        if now:
            # Not SIGTERM again: two of the same may be heard as one.
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


def _holder(root: Path) -> Holder | None:
    """The databases that share a work directory have a directory each in it; as a rule one of them is in use."""
    held = [
        holder for lock in sorted(root.glob("*/.lock")) if (holder := find_holder(lock.parent)) is not None
    ]
    if len(held) > 1:
        raise UsageError(
            f"several dispatchers, of different databases, work in {root}: processes"
            f" {', '.join(str(holder.pid) for holder in held)}; end the one that you mean with `kill -TERM`"
        )
    return held[0] if held else None

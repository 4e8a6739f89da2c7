"""Which task of a batch is to blame for a refusal."""

import psycopg

from dispatcher.errors import DispatchError, UsageError

NUL = "there is a NUL character, which the database cannot store"


def holds_nul(task: bytes) -> bool:
    """Whether a task in JSON holds a NUL character: the database refuses the whole batch then, and names no task."""
    # This is rare, and often a backslash before it makes it harmless.
    return rb"\u0000" in task and rb"\u0000" in task.replace(rb"\\", b"")


def blames_a_task(error: DispatchError) -> bool:
    """Whether a task caused the error: bad input, or a foreign tenant, which comes with a hint at our own tenants."""
    return isinstance(error, UsageError) or (
        isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege) and error.hint is not None
    )


def place_of(error: DispatchError) -> int | None:
    """Return the place, from 1, of the task that explain_refusal() blames; None for any other error."""
    cause = error.__cause__
    detail = cause.diag.message_detail if isinstance(cause, psycopg.Error) else None
    return int(detail) if detail is not None and detail.isdecimal() else None

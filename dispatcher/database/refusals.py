"""What the errors of submit_tasks() and of explain_refusal() say about which task is to blame."""

import psycopg

from dispatcher.errors import DispatchError, UsageError


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

"""The words of the page: what a state is called, and how it is coloured beside the word."""

from datetime import UTC, datetime
from decimal import Decimal

from dispatcher import quantities
from sql.selection import State

WAITING: tuple[State, ...] = (
    "question", "approval", "queued", "budget", "limit", "retry", "scheduled", "dependency", "held",
)  # fmt: skip
"""What a queued task may wait for; "queued" waits for a slot."""
STATES: tuple[State, ...] = ("running", "leased", *WAITING, "failed", "succeeded", "canceled")
"""The states of count_tasks(), in the order in which they interest people."""

_TONES = {
    "running": "good",
    "leased": "good",
    "succeeded": "quiet",
    "canceled": "quiet",
    "failed": "bad",
    "timed_out": "bad",
    "lost": "bad",
    "away": "bad",
    "scheduled": "wait",
    "dependency": "wait",
    "held": "wait",
    "retry": "warn",
    "login": "bad",
    "no_credit": "bad",
    "over_budget": "limit",
    "unmet": "ask",
    "question": "ask",
    "approval": "ask",
    "passed": "good",
    "timeout": "bad",
    "stopped": "quiet",
    "interrupted": "warn",
    "paused": "warn",
    "limit": "limit",
    "budget": "limit",
    "cooling": "limit",
    "overloaded": "limit",
    "rate_limited": "limit",
    "probing": "limit",
    "open": "good",
    "full": "wait",
}

_WORDS = {
    "leased": "starting",
    "queued": "queued",
    "scheduled": "scheduled",
    "dependency": "waits for a task",
    "question": "asks",
    "approval": "waits for approval",
    "held": "held",
    "retry": "waits to retry",
    "limit": "waits for a limit",
    "budget": "waits for budget",
    "timed_out": "timed out",
    "rate_limited": "rate limited",
    "cooling": "cooling down",
    "budget_spent": "budget spent",
    "login": "login refused",
    "no_credit": "no credit",
    "over_budget": "over budget",
    "unmet": "cannot start",
}


def tone(state: str) -> str:
    """Return the class of a state's colour: good, quiet, bad, wait, warn, ask, limit or plain."""
    return _TONES.get(state, "plain")


def state_word(state: str) -> str:
    """Return what a state or a reason to wait is called."""
    return _WORDS.get(state, state)


def grouped(number: int) -> str:
    """``1,234,567``."""
    return f"{number:,}"


def money(dollars: Decimal | float) -> str:
    """Return dollars as :func:`dispatcher.quantities.money` does; the database has exact ones."""
    return quantities.money(float(dollars))


def when(moment: datetime) -> str:
    """Return a time as ``2026-11-25 10:00:07 UTC``: the person may be elsewhere than the server."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def since(seconds: float) -> float:
    """Return when something was, so many seconds ago, on the clock of :func:`now`."""
    return round(now() - seconds, 1)


def now() -> float:
    """Return the server's clock (seconds since 1970), by which the page's script counts times on."""
    return datetime.now(UTC).timestamp()

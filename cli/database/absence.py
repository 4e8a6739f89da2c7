"""What a command that waits does while the database is away."""

import math
import time

from cli.database.events import pauses
from cli.show.output import say
from dispatcher.database.embedded.server import StoppedOnPurposeError
from dispatcher.errors import DatabaseError

AWAY_SECONDS = 300.0
"""How long the database may be away before a command gives up."""


class Absence:
    """Bridges the times at which the database is away from a command that waits for news of it."""

    def __init__(self, patience: float = AWAY_SECONDS) -> None:
        self._patience = patience
        self._pauses = pauses()
        self._heard: float | None = None
        self._said = ""

    def end(self) -> None:
        """Note that the database was heard."""
        self._heard = time.monotonic()
        self._pauses.reset()
        self._said = ""

    def bridge(self, error: DatabaseError, most: float = math.inf) -> None:
        """Say why the database is away, and pause at most so many seconds before the next attempt to reach it.

        Raises ``error`` if the database was never heard, or not for ``patience`` seconds: then it may be gone for good.
        An embedded server that somebody stopped on purpose is not gone, however long they leave it so.
        """
        is_stopped = isinstance(error, StoppedOnPurposeError)
        if self._heard is None or (not is_stopped and time.monotonic() > self._heard + self._patience):
            raise error
        if str(error) != self._said:
            self._said = str(error)
            say(f"the database is away, trying again: {error}")
        time.sleep(min(self._pauses.next(), most))

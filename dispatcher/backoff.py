"""Growing pauses between attempts."""


class Backoff:
    """Pauses in seconds: the first is ``shortest``, each next one twice as long, and none longer than ``longest``."""

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self.pause = shortest
        """The pause that :meth:`next` returns next."""

    def next(self, lasted: float = 0.0) -> float:
        """Return the pause before the next attempt.

        ``lasted`` is how long the last attempt went well before it failed: longer than the longest pause, and the
        pauses begin with the shortest again.
        """
        if lasted > self._longest:
            self.reset()
        pause = self.pause
        self.pause = min(2 * pause, self._longest)
        return pause

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self.pause = self._shortest

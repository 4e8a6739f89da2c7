"""A progress bar on the terminal, for what takes longer than a moment."""

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

BLINK = 0.5
"""Seconds before the bar appears. Drawing one costs 0.1 s of imports, which a short command does not pay."""


class Bar:
    """A bar on standard error, if that is a terminal. A context manager, which removes the bar at its end."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted and sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")
        self._began = time.monotonic()
        self._drawn: Progress | None = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn is not None:
            self._drawn.stop()

    def show(self, what: str, done: int, total: int | None) -> None:
        """Show that ``done`` of ``total`` is done (None: nobody knows the total); ``what`` describes the step."""
        if not self._wanted or time.monotonic() < self._began + BLINK:
            return
        if self._drawn is None:
            self._drawn = _begin()
        self._drawn.update(self._drawn.task_ids[0], description=what, completed=done, total=total)


def _begin() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        console=Console(stderr=True),
        transient=True,
    )
    progress.add_task("", total=None)
    progress.start()
    return progress

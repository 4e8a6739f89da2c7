"""A progress bar on the terminal, for what takes longer than a moment."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.show.output import has_screen

if TYPE_CHECKING:
    from rich.progress import Progress as Drawn

BLINK = 0.5
"""Seconds before the bar appears. Drawing one costs 0.1 s of imports, which a short command does not pay."""

RATE_SECONDS = 3_600.0
"""The time that is left follows from the rate of this time: agents take minutes each."""


class Progress:
    """How far something is; drawn as a bar once it takes longer than a moment."""

    def __init__(self, total: int | None, what: str, *, is_drawn: bool) -> None:
        self._total = total
        self._what = what
        self._done = 0
        self._is_drawn = is_drawn
        self._began = time.monotonic()
        self._bar: Drawn | None = None

    def advance(self, steps: int = 1) -> None:
        self.show(self._what, self._done + steps, self._total)

    def show(self, what: str, done: int, total: int | None) -> None:
        """Show that ``done`` of ``total`` is done (None: nobody knows the total); ``what`` describes the step."""
        self._what, self._done, self._total = what, done, total
        if self._is_drawn and time.monotonic() >= self._began + BLINK:
            self.draw()

    def draw(self) -> None:
        """Draw the bar now, for what waits without a step to show."""
        if not self._is_drawn:
            return
        if self._bar is None:
            self._bar = _begin()
        self._bar.update(
            self._bar.task_ids[0], description=self._what, completed=self._done, total=self._total
        )

    def end(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress(total: int | None, what: str, *, wanted: bool = True) -> Iterator[Progress]:
    """Yield a :class:`Progress` of ``total`` steps, which is removed at the end of the block.

    It is drawn on standard error, if that is a terminal which a person looks at.
    """
    shown = Progress(total, what, is_drawn=wanted and _is_watched())
    try:
        yield shown
    finally:
        shown.end()


def _is_watched() -> bool:
    return has_screen(sys.stderr) and not os.environ.get("CI")


def _begin() -> "Drawn":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn("{task.percentage:>3.0f} %", markup=False),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True, highlight=False),
        transient=True,
        speed_estimate_period=RATE_SECONDS,
        # What is printed meanwhile appears above the bar; into a pipe or a file it goes as ever.
        redirect_stdout=sys.stdout.isatty(),
    )
    bar.add_task("", total=None)
    bar.start()
    return bar

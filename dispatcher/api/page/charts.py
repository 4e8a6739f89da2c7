"""Charts as SVG without styles or letters: the style sheet colours them, and a table beside them has the numbers.

They stretch to the width that is there, which letters in them would not survive.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from sql.rows.people import RunRow

WIDTH, HEIGHT = 1000, 200
"""Units of a chart; a strip has the height 10."""
NARROWEST = 3.0
"""Units of the shortest piece of a strip, so that a run of a second is seen among those of hours."""


class Piece(NamedTuple):
    """A part of a bar, in the unit of its chart. ``style`` is a class, such as ``succeeded``."""

    size: float
    style: str


def columns(title: str, description: str, bars: Sequence[Sequence[Piece]]) -> Markup:
    """Return a chart with a bar for each element, its pieces one on the other; the highest is as high as the chart."""
    highest = max((_sum(pieces) for pieces in bars), default=0) or 1
    step = WIDTH / max(1, len(bars))
    rectangles = []
    for at, pieces in enumerate(bars):
        top = float(HEIGHT)
        for piece in pieces:
            height = HEIGHT * (piece.size / highest)
            top -= height
            rectangles.append(_rectangle(step * (at + 0.1), top, step * 0.8, height, piece.style))
    return _svg("columns", title, description, HEIGHT, rectangles)


def bar(title: str, pieces: Sequence[Piece], most: float) -> Markup:
    """Return one lying bar; one of the size ``most`` is as long as the chart."""
    rectangles = []
    begin = 0.0
    for piece in pieces:
        length = WIDTH * piece.size / most if most else 0.0
        rectangles.append(_rectangle(begin, 0, length, 10, piece.style))
        begin += length
    return _svg("strip", title, "", 10, rectangles)


def attempts(runs: Sequence[RunRow], now: datetime) -> list[Markup]:
    """Return a strip for each run; all have one axis of time, from the first claim to the last end, or to ``now``.

    A strip shows the time that it took to start the agent, and the time that the agent ran.
    """
    begin = min((run.claimed_at for run in runs), default=now)
    whole = (max((run.finished_at or now for run in runs), default=now) - begin).total_seconds()
    scale = WIDTH / whole if whole > 0 else 0.0
    return [_svg("strip", f"run {run.run_no}", "", 10, _life(run, begin, now, scale)) for run in runs]


def _life(run: RunRow, begin: datetime, now: datetime, scale: float) -> Iterator[Markup]:
    end = run.finished_at or max(now, run.claimed_at)
    started = min(run.started_at or end, end)
    for since, until, style in ((run.claimed_at, started, "starting"), (started, end, run.status)):
        length = (until - since).total_seconds() * scale
        if style != "starting" or length > NARROWEST:
            place = min((since - begin).total_seconds() * scale, WIDTH - NARROWEST)
            yield _rectangle(place, 0, max(length, NARROWEST), 10, style)


def _sum(pieces: Iterable[Piece]) -> float:
    return sum(piece.size for piece in pieces)


def _rectangle(x: float, y: float, width: float, height: float, style: str) -> Markup:
    return Markup('<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}" class="{}"/>').format(
        x, y, width, height, f"fill-{style}"
    )


def _svg(kind: str, title: str, description: str, height: int, rectangles: Iterable[Markup]) -> Markup:
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        "<title>{}</title>{}{}</svg>"
    ).format(
        f"chart {kind}",
        WIDTH,
        height,
        f"{title}. {description}" if description else title,
        title,
        Markup("<desc>{}</desc>").format(description) if description else "",
        Markup("").join(rectangles),
    )

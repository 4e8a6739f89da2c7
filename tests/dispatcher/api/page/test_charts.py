"""Charts are well-formed SVG inside of their frame, for any numbers and any text, and carry no style of their own."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from dispatcher.api.page import charts
from dispatcher.api.page.charts import Piece
from sql.rows.people import RunRow

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
sizes = st.floats(min_value=0, max_value=1e12, allow_subnormal=False)
pieces = st.lists(
    st.builds(Piece, sizes, st.sampled_from(["succeeded", "failed", 'x" onload="x'])), max_size=4
)
titles = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]))


def run(run_no: int, claimed: float, started: float | None, finished: float | None) -> RunRow:
    def at(seconds: float | None) -> datetime | None:
        return None if seconds is None else START + timedelta(seconds=seconds)

    return RunRow(
        run_no=run_no,
        id=uuid4(),
        attempt=1,
        status="running" if finished is None else "failed",
        group_name="main",
        host="here",
        pid=None,
        claimed_at=START + timedelta(seconds=claimed),
        started_at=at(started),
        finished_at=at(finished),
        latency_ms=None,
        exit_code=None,
        signal=None,
        error_class=None,
        error_message=None,
        session_id=None,
        input_tokens=None,
        cached_input_tokens=None,
        output_tokens=None,
        cost_usd=None,
        auth_mode=None,
        resumed=False,
        denials=[],
        change=None,
        commands=(),
    )


def rectangles(svg: Markup) -> list[dict[str, str]]:
    """Parse a chart, and hold that everything in it lies in its frame and that nothing is styled or runs."""
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    found = []
    for element in root.iter():
        assert element.tag in ("svg", "title", "desc", "rect")
        assert not {"style", "onload", "href"} & set(element.attrib)
        if element.tag == "rect":
            x, y, w, h = (float(element.attrib[name]) for name in ("x", "y", "width", "height"))
            assert min(x, y, w, h) >= -0.01
            assert x + w <= width + 0.02
            assert y + h <= height + 0.02
            found.append(element.attrib)
    return found


@given(titles, titles, st.lists(pieces, max_size=40))
def test_columns_stay_in_their_frame(title: str, description: str, bars: list[list[Piece]]) -> None:
    assert len(rectangles(charts.columns(title, description, bars))) == sum(map(len, bars))


@given(titles, st.lists(pieces, min_size=1, max_size=10))
def test_bars_are_in_proportion_to_the_largest(title: str, bars: list[list[Piece]]) -> None:
    most = max(sum(piece.size for piece in bar) for bar in bars)
    for bar in bars:
        drawn = sum(float(one["width"]) for one in rectangles(charts.bar(title, bar, most)))
        expected = sum(piece.size for piece in bar) / most * 1000 if most else 0
        assert abs(drawn - expected) < 0.1


moments = st.floats(min_value=0, max_value=1e7)


@given(st.lists(st.tuples(moments, moments, moments, st.booleans(), st.booleans()), max_size=12), moments)
def test_every_run_is_seen_on_the_axis(
    lives: list[tuple[float, float, float, bool, bool]], now: float
) -> None:
    runs = []
    for at, (claimed, until_start, until_end, starts, ends) in enumerate(lives):
        started = claimed + until_start if starts else None
        finished = (started or claimed) + until_end if ends else None
        runs.append(run(at + 1, claimed, started, finished))
    strips = charts.attempts(runs, START + timedelta(seconds=now))
    assert len(strips) == len(runs)
    for one in strips:
        assert any(float(drawn["width"]) >= charts.NARROWEST for drawn in rectangles(one))


def test_an_attempt_shows_how_long_its_start_and_its_agent_took() -> None:
    first, second = charts.attempts([run(1, 0, 20, 50), run(2, 60, 60, None)], START + timedelta(seconds=100))
    assert [(drawn["x"], drawn["width"], drawn["class"]) for drawn in rectangles(first)] == [
        ("0.00", "200.00", "fill-starting"),
        ("200.00", "300.00", "fill-failed"),
    ]
    assert [(drawn["x"], drawn["width"], drawn["class"]) for drawn in rectangles(second)] == [
        ("600.00", "400.00", "fill-running")
    ]

"""Times as people type them, also at the two nights of the year in which the clock is changed."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
import typer

from cli.input.times import parse_time

InZone = Callable[[str], None]


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[InZone]:
    """Sets the time zone of this process, until the end of the test."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "said", "now", "meant"),
    [
        # The clock goes from 02:00 to 03:00.
        ("Europe/Berlin", "02:30", "2031-03-30T00:10+01:00", "2031-03-30T03:30+02:00"),
        ("Europe/Berlin", "2031-03-30T02:30", "2031-01-01T00:00+01:00", "2031-03-30T03:30+02:00"),
        ("Europe/Berlin", "02:30", "2031-03-30T03:40+02:00", "2031-03-31T02:30+02:00"),
        ("Europe/Berlin", "01:59", "2031-03-30T00:10+01:00", "2031-03-30T01:59+01:00"),
        ("Europe/Berlin", "03:00", "2031-03-30T00:10+01:00", "2031-03-30T03:00+02:00"),
        ("America/New_York", "02:00", "2031-03-09T00:10-05:00", "2031-03-09T03:00-04:00"),
        ("America/New_York", "2031-03-09T02:59:59", "2031-01-01T00:00-05:00", "2031-03-09T03:59:59-04:00"),
        ("Australia/Lord_Howe", "02:10", "2031-10-05T00:10+10:30", "2031-10-05T02:40+11:00"),  # half an hour
        # The clock goes from 03:00 to 02:00.
        ("Europe/Berlin", "02:30", "2031-10-26T00:10+02:00", "2031-10-26T02:30+02:00"),
        ("Europe/Berlin", "2031-10-26T02:30", "2031-01-01T00:00+01:00", "2031-10-26T02:30+02:00"),
        ("Europe/Berlin", "02:30", "2031-10-26T02:40+02:00", "2031-10-26T02:30+01:00"),
        ("Europe/Berlin", "02:30", "2031-10-26T02:40+01:00", "2031-10-27T02:30+01:00"),
        ("America/New_York", "01:30", "2031-11-02T00:10-04:00", "2031-11-02T01:30-04:00"),
        # Behind the change, the same evening.
        ("Europe/Berlin", "22:00", "2031-03-30T00:10+01:00", "2031-03-30T22:00+02:00"),
        # An offset that is named is obeyed.
        ("Europe/Berlin", "2031-03-30T02:30+01:00", "2031-01-01T00:00+01:00", "2031-03-30T03:30+02:00"),
    ],
)
def test_a_task_never_starts_before_the_time_that_was_said(
    in_zone: InZone, zone: str, said: str, now: str, meant: str
) -> None:
    in_zone(zone)
    understood = parse_time(said, datetime.fromisoformat(now))
    expected = datetime.fromisoformat(meant)
    assert (understood, understood.utcoffset()) == (expected, expected.utcoffset())


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_a_time_that_no_clock_shows_is_refused(in_zone: InZone, zone: str) -> None:
    in_zone(zone)
    for said in ("24:01", "2031-02-30T00:00", "0000-01-01T00:00", "99999-01-01T00:00"):
        with pytest.raises(typer.BadParameter, match="is not a time"):
            parse_time(said)


def test_a_time_at_the_end_of_the_calendar_is_refused_and_no_traceback(in_zone: InZone) -> None:
    in_zone("America/New_York")
    with pytest.raises(typer.BadParameter, match="is not a time"):
        parse_time("9999-12-31T23:59")

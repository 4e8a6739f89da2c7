"""Cron expressions beside an oracle that looks at each minute, above all where the clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from dispatcher.errors import UsageError
from dispatcher.schedules.cron import ALIASES, Cron
from tests.dispatcher.schedules import oracle

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = (
    "Africa/Cairo", "Africa/Casablanca", "America/Asuncion", "America/Havana", "America/New_York",
    "America/Nuuk", "America/Santiago", "America/St_Johns", "Antarctica/Troll", "Asia/Beirut",
    "Asia/Gaza", "Asia/Kolkata", "Asia/Tehran", "Atlantic/Azores", "Australia/Lord_Howe",
    "Australia/Sydney", "Europe/Berlin", "Europe/Dublin", "Europe/Volgograd", "Pacific/Chatham",
)  # fmt: skip
"""Clocks that change at midnight, by half an hour, by two hours, around Ramadan, backwards, and not at all."""
AROUND = (
    "30 2 * * *", "0 0 * * *", "59 23 * * *", "15,45 0-3 * * *", "30 1-3 * * *", "0 */2 * * *", "*/20 * * * *",
    "10 * * * *", "*/15 0-3 * * *", "5 3 * * 0", "30 0 1 * 0", "0 4/3 * * *",
)  # fmt: skip


def found(expression: str, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    instants = Cron(expression).after(after, zone)
    return [instant.astimezone(UTC) for instant in takewhile(lambda instant: instant <= until, instants)]


def transitions(zone: ZoneInfo) -> list[datetime]:
    """The hours in which the offset of a zone changes, from 2020 to 2040."""
    hour, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC)
    changes = []
    while hour < end:
        day = hour + timedelta(days=1)
        if hour.astimezone(zone).utcoffset() != day.astimezone(zone).utcoffset():
            changes.append(hour)
        hour = day
    return changes


@pytest.mark.parametrize("name", ZONES)
def test_where_the_clocks_change_each_instant_is_the_one_of_the_oracle(name: str) -> None:
    zone = ZoneInfo(name)
    changes = transitions(zone)
    assert changes or name == "Asia/Kolkata"
    for number, day in enumerate(changes):
        after, until = day - timedelta(hours=3), day + timedelta(hours=27)
        for expression in (AROUND[number % len(AROUND)], "30 2 * * *", "15 0 * * *"):
            expected = oracle.instants(expression, zone, after, until)
            assert found(expression, zone, after, until) == expected, (expression, day)


def field(least: int, most: int) -> st.SearchStrategy[str]:
    value = st.integers(least, most)
    # Not 3-3/2: cronsim takes it for 3/2, which begins at 3.
    spans = st.tuples(st.integers(least, most - 1), st.integers(1, most)).map(
        lambda ends: f"{ends[0]}-{max(ends[0] + 1, ends[1])}"
    )
    steps = st.tuples(st.one_of(st.just("*"), spans), st.integers(1, 30)).map(
        lambda both: f"{both[0]}/{both[1]}"
    )
    return st.one_of(st.just("*"), value.map(str), spans, steps, st.lists(value, min_size=2, max_size=3).map(
        lambda values: ",".join(map(str, values))))  # fmt: skip


@settings(deadline=None, max_examples=40, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    expression=st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map(" ".join),
    name=st.sampled_from(ZONES),
    day=st.integers(0, 7600),
)
@example(expression="30 2 * * *", name="Europe/Berlin", day=2489)
def test_in_any_two_days_the_instants_are_those_of_the_oracle(expression: str, name: str, day: int) -> None:
    zone, after = ZoneInfo(name), datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=day)
    until = after + timedelta(days=2)
    assert found(expression, zone, after, until) == oracle.instants(expression, zone, after, until)


@settings(deadline=None, max_examples=100, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    expression=st.sampled_from((*AROUND, "0 12 1 * *", "* * * * *")),
    name=st.sampled_from(ZONES),
    minutes=st.integers(0, 60 * 24 * 7600),
    seconds=st.integers(0, 59),
)
def test_it_does_not_matter_from_where_one_asks(
    expression: str, name: str, minutes: int, seconds: int
) -> None:
    """What comes after a moment is the same for somebody who asked earlier, and the last one is the last of all."""
    zone, cron = ZoneInfo(name), Cron(expression)
    begin = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    until = begin + timedelta(days=2)
    asked = begin + timedelta(hours=20, seconds=seconds)
    earlier = found(expression, zone, begin, until)
    assert found(expression, zone, asked, until) == [instant for instant in earlier if instant > asked]
    assert cron.last(begin, until, zone) == max(earlier, default=None)


def test_in_autumn_the_hour_that_comes_twice_has_one_instant() -> None:
    night = datetime(2026, 10, 24, 22, tzinfo=UTC)
    [instant] = found("30 2 * * *", BERLIN, night, night + timedelta(hours=12))
    assert instant.astimezone(BERLIN).isoformat() == "2026-10-25T02:30:00+02:00"
    assert found("30 2 * * *", BERLIN, instant, night + timedelta(hours=12)) == []
    assert len(found("*/30 * * * *", BERLIN, night, night + timedelta(hours=12))) == 24


def test_in_spring_an_instant_of_the_hour_that_is_left_out_comes_at_its_end() -> None:
    night = datetime(2026, 3, 28, 22, tzinfo=UTC)
    instant = next(Cron("30 2 * * *").after(night, BERLIN))
    assert instant.isoformat() == "2026-03-29T03:00:00+02:00"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "* * * *",
        "0 30 2 * * *",
        "61 * * * *",
        "0 0 30 2 *",
        "@reboot",
        "@never",
        "0 0 31 4,6 *",
        "a b c d e",
    ],
)
def test_what_cannot_be_read_or_never_comes_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match="not a valid cron expression"):
        Cron(wrong)


def test_an_alias_is_the_expression_that_it_stands_for_and_says_so_in_words() -> None:
    assert Cron("@daily").words == Cron(" 0 0  * * * ").words == "At 00:00 every day"
    assert {Cron(alias).words for alias in ALIASES} == {Cron(meant).words for meant in ALIASES.values()}
    assert Cron("30 2 * * 1-5").words == "At 02:30 on Monday through Friday"

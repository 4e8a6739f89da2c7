"""What people type to select tasks, and what is refused before the database is asked."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from cli.input.selectors import Selector, State, selecting
from cli.input.times import parse_past
from dispatcher.errors import DispatchError, UsageError

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def selector(*words: str) -> Selector:
    """The selector that a verb receives for these words."""
    received: list[Selector] = []
    app = typer.Typer()

    @app.command()
    @selecting()
    def verb(selector: Selector, limit: int = 3) -> None:
        assert limit == 3
        received.append(selector)

    app([*words], standalone_mode=False)
    return received[0]


def refusal(*words: str) -> str:
    with pytest.raises((typer.TyperException, DispatchError)) as refused:
        selector(*words)
    error = refused.value
    return error.format_message() if isinstance(error, typer.TyperException) else str(error)


def test_all_that_is_typed_is_in_the_selection() -> None:
    typed = selector(
        *("5", "61-70", "0192f3a4", "-s", "failed", "--state", "retry", "-g", "claude-main"),
        *("-l", "a=b", "-l", "c=d=e", "--tool", "claude", "--model", "opus", "--tenant", "acme"),
        *("--queue", "night", "--name", "*fix*", "--waiting", "no_group"),
        *("--since", "2026-11-01T10:00Z", "--until", "2026-11-02T10:00Z"),
    )
    assert typed.keys() == {
        "tasks": ("5", "61-70", "0192f3a4"),
        "states": ("failed", "retry"),
        "group": "claude-main",
        "labels": {"a": "b", "c": "d=e"},
        "tool": "claude",
        "model": "opus",
        "tenant": "acme",
        "queue": "night",
        "name": "*fix*",
        "since": datetime(2026, 11, 1, 10, tzinfo=UTC),
        "until": datetime(2026, 11, 2, 10, tzinfo=UTC),
        "waiting": "no_group",
    }


def test_failed_is_short_for_its_state() -> None:
    assert selector("--failed") == selector("-s", "failed") == selector("--failed", "-s", "failed")
    assert selector("-s", "retry", "--failed").states == ("retry", "failed")


def test_a_verb_that_acts_needs_something_that_selects() -> None:
    nothing = selector()
    assert nothing.is_empty
    with pytest.raises(UsageError, match="no task is selected") as refused:
        nothing.required()
    assert "--all" in str(refused.value.hint)
    every = selector("--all")
    assert (every.is_empty, every.names_only, every.keys()) == (False, False, {})


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["5"], True),
        (["5", "0192f3a4-77"], True),
        (["61-70"], False),
        (["5", "61-70"], False),
        (["5", "-s", "failed"], False),
        (["5", "--all"], False),
        ([], False),
    ],
)
def test_single_tasks_are_told_from_what_selects_many(words: list[str], named: bool) -> None:
    assert selector(*words).names_only is named


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-l", "batch"], "'batch' is not a label: expected KEY=VALUE"),
        (["-l", "=x"], "'=x' is not a label: expected KEY=VALUE"),
        (["-l", "a=b", "-l", "a=c"], "the label a is given twice"),
        (["-g", ""], "the value is empty"),
        (["--name", ""], "the value is empty"),
        (["--since", "90"], "'90' is not a time in the past: expected a length of time ago (90s, 10m, "),
        (["--until", "yesterday"], "'yesterday' is not a time in the past"),
        (["--waiting", "godot"], "'godot' is not one of 'slot', 'budget', 'limit', 'paused', 'no_group'"),
        *((["--state", "done"], f"'{state}'") for state in State),
    ],
)
def test_what_is_mistyped_is_refused_with_what_was_expected(words: list[str], complaint: str) -> None:
    assert complaint in refusal(*words)


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("30d", NOW - timedelta(days=30)),
        ("2026-11-01T10:00Z", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01T10:00+01:00", datetime(2026, 11, 1, 9, tzinfo=UTC)),
        ("2026-11-01 10:00", datetime(2026, 11, 1, 10).astimezone()),
        ("2026-11-01", datetime(2026, 11, 1).astimezone()),
    ],
)
def test_a_moment_is_a_time_or_a_length_of_time_ago(typed: str, moment: datetime) -> None:
    assert parse_past(typed, NOW) == moment


@pytest.mark.parametrize(
    "typed", ["", "2", "20261101", "h", "2 h", "9999999999d", "5000d", "0001-01-01T00:00", "-2h"]
)
def test_a_number_without_a_unit_is_no_moment(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match="not a time in the past"):
        parse_past(typed, NOW)


def test_a_verb_can_leave_options_out() -> None:
    app = typer.Typer()

    @app.command()
    @selecting(without={"since", "until"})
    def verb(selector: Selector, since: int = 0) -> None:
        assert selector.since is None
        assert since == 7

    app(["--since", "7"], standalone_mode=False)
    with pytest.raises(typer.TyperException, match="--until"):
        app(["--until", "2h"], standalone_mode=False)

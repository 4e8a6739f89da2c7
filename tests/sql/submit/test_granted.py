"""What every dispatcher at work refuses is refused when it is submitted, and nothing else is."""

from collections.abc import Sequence
from uuid import UUID

import psycopg
import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock


def announces(db: Client, dispatcher: UUID, refuses: Sequence[str] | None) -> None:
    db.run("select close_groups(%s, '{}', %s)", dispatcher, None if refuses is None else list(refuses))


@pytest.fixture
def me(db: Client) -> UUID:
    db.group("main")
    return db.dispatcher("here")


@pytest.mark.parametrize(
    ("right", "asked", "words", "remedy"),
    [
        ("commands", {"check_command": "make"}, r"\(--check\).*claude.*here", "allow_commands: true"),
        ("commands", {"setup_command": "make"}, r"\(--setup\).*claude.*here", "allow_commands: true"),
        ("full", {"permission": "full"}, "permission full.*claude.*here", "allow_dangerous_flags: true"),
    ],
)
def test_what_each_dispatcher_at_work_refuses_is_refused_at_submit_with_what_to_type(
    db: Client, me: UUID, right: str, asked: dict[str, str], words: str, remedy: str
) -> None:
    announces(db, me, [right])
    with pytest.raises(psycopg.Error, match=words) as refused:
        db.submit_all([{"tool": "claude", "prompt": "p"}, {"tool": "claude", "prompt": "p", **asked}])

    assert (refused.value.sqlstate, remedy in str(refused.value.diag.message_hint)) == ("LD400", True)
    assert db.value("select count(*) from tasks") == 0
    announces(db, me, [])
    assert db.submit(**asked).created


def test_what_asks_for_nothing_special_is_queued(db: Client, me: UUID) -> None:
    announces(db, me, ["commands", "full"])

    assert db.submit(check_command="", setup_command=None, permission="edit").created


def test_one_dispatcher_that_grants_it_is_enough_if_it_serves_the_task(db: Client, me: UUID) -> None:
    db.group("other", tool="codex")
    announces(db, me, ["commands"])
    announces(db, db.dispatcher("there", groups=["other"]), [])

    with pytest.raises(psycopg.Error, match="claude"):
        db.submit(check_command="make")
    assert db.submit(tool="codex", check_command="make").created
    announces(db, db.dispatcher("yonder"), [])
    assert db.submit(check_command="make").created


def test_an_account_that_only_a_refusing_dispatcher_serves_is_told_apart(db: Client, me: UUID) -> None:
    db.group("second")
    announces(db, me, ["commands"])
    announces(db, db.dispatcher("there", groups=["second"]), [])

    assert db.submit(account="second", check_command="make").created
    with pytest.raises(psycopg.Error, match="here"):
        db.submit(account="main", check_command="make")


def test_who_is_not_at_work_or_has_said_nothing_refuses_nothing(db: Client, me: UUID, time: Clock) -> None:
    assert db.submit(check_command="make").created  # it is as an older dispatcher, which says nothing
    announces(db, me, ["commands"])
    announces(db, me, None)  # as it was
    with pytest.raises(psycopg.Error):
        db.submit(check_command="make")
    time.passes(3600)
    assert db.submit(check_command="make").created  # its lease has ended


def test_a_closed_dispatcher_announces_nothing(db: Client, me: UUID) -> None:
    db.run("select close_dispatcher(%s)", me)
    with pytest.raises(psycopg.Error, match="closed"):
        announces(db, me, ["commands"])

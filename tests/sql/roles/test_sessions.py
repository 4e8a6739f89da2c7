"""Sessions of browsers: each stands for a token, and ends by itself, by logging out, or with its token."""

import hashlib
import secrets

import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.refused import refused
from tests.sql.roles.conftest import MakeToken

DAY = 86_400


def start(db: Client, token_hash: object, *, owns_token: bool = False) -> bytes:
    made = hashlib.sha256(secrets.token_bytes()).digest()
    db.run("select start_session(%s, %s, %s)", made, token_hash, owns_token)
    return made


def test_a_session_has_what_its_token_has_and_ends_no_later(
    db: Client, token: MakeToken, time: Clock
) -> None:
    made = token("reader", ["a"], name="ci")
    session = start(db, made.hash)
    acting = "select name, role, tenants, round(expires_in_s) from act_as(%s)"
    assert db.one(acting, session) == ("ci", "reader", ["a"], 7 * DAY)
    db.run("update api_tokens set expires_at = clock() + interval '1 day' where name = 'ci'")
    assert db.one(acting, session) == ("ci", "reader", ["a"], DAY)


def test_a_session_that_is_used_lasts_thirty_days_and_another_one_seven(
    db: Client, token: MakeToken, time: Clock
) -> None:
    made = token("reader", name="ci")
    used, unused = start(db, made.hash), start(db, made.hash)
    for _ in range(5):
        time.passes(6 * DAY - 1)
        db.run("select act_as(%s)", used)
    with refused("LD401", "this login has ended"):
        db.run("select act_as(%s)", unused)
    time.passes(6)
    with refused("LD401", "this login has ended"):
        db.run("select act_as(%s)", used)
    assert db.value("select prune_sessions()") == 2
    assert db.value("select prune_sessions()") == 0
    assert db.value("select count(*) from api_tokens") == 1


def test_what_a_session_owns_ends_with_it(db: Client, token: MakeToken, time: Clock) -> None:
    by_link, own = token("admin", name="page-1"), token("admin", name="own")
    ended = start(db, by_link.hash, owns_token=True)
    kept = start(db, own.hash)
    for session in (ended, kept, kept):
        db.run("select end_session(%s)", session)
    assert db.rows("select name, sessions from list_tokens()") == [("own", 0)]
    start(db, token("admin", name="page-2").hash, owns_token=True)
    time.passes(7 * DAY)
    assert db.value("select prune_sessions()") == 1
    assert db.rows("select name from list_tokens()") == [("own",)]


def test_all_browsers_of_a_token_can_be_logged_out(db: Client, token: MakeToken) -> None:
    one, other = token("reader", name="one"), token("reader", name="other")
    sessions = [start(db, one.hash), start(db, one.hash), start(db, other.hash)]
    assert db.rows("select name, sessions from list_tokens()") == [("one", 2), ("other", 1)]
    assert db.value("select end_sessions('one')") == 2
    for session in sessions[:2]:
        with refused("LD401"):
            db.run("select act_as(%s)", session)
    db.run("select act_as(%s)", sessions[2])
    with refused("LD404", "there is no token 'two'"):
        db.run("select end_sessions('two')")


def test_the_oldest_of_too_many_sessions_ends(db: Client, token: MakeToken, time: Clock) -> None:
    made = token("reader", name="ci")
    first = start(db, made.hash)
    for _ in range(100):
        time.passes(1)
        start(db, made.hash)
    assert db.value("select count(*) from page_sessions") == 100
    with refused("LD401"):
        db.run("select act_as(%s)", first)


@pytest.mark.parametrize("by_session", [True, False])
def test_only_a_valid_token_starts_a_session(db: Client, token: MakeToken, by_session: bool) -> None:
    session = start(db, token("reader", name="ci").hash)
    with refused("LD400" if by_session else "LD401"):
        start(db, session if by_session else b"x" * 32)

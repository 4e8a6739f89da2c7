"""`llmctl token`."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.tokens import hashed, hashed_session
from tests.cli.conftest import Llmctl, one_postgres
from tests.sql.client import Client

pytestmark = one_postgres

TOKEN = re.compile(r"llmctl_[A-Za-z0-9_-]{43}")


@pytest.fixture
def db(database: str) -> Iterator[Client]:
    with Client(database) as client:
        yield client


def test_add_prints_a_token_once_and_the_database_keeps_its_hash(llmctl: Llmctl, db: Client) -> None:
    said = llmctl.ok(
        "token", "add", "ci", "--role", "producer", "--tenant", "a", "--tenant", "b", "--expires", "90d"
    )
    [token] = set(TOKEN.findall(said))
    until = db.value(
        "select to_char(expires_at at time zone 'Europe/Berlin', 'YYYY-MM-DD HH24:MI:SS') from list_tokens()"
    )
    assert f"Until {until} it may submit, see and steer the tasks of tenant a, b." in said
    assert "it is shown only this once" in said
    assert f'curl -H "Authorization: Bearer {token}" http://127.0.0.1:8000/tasks' in said

    digest = hashlib.sha256(token.encode()).digest()
    assert db.rows("select name, role, tenants, expires_at - created_at = '90 days' from find_token(%s)"
                   " join list_tokens() using (name, role, tenants)", digest) == [
        ("ci", "producer", ["a", "b"], True)
    ]  # fmt: skip
    assert token not in str(db.rows("select to_jsonb(t) from api_tokens as t"))
    assert token not in llmctl.ok("token", "ls", "-o", "json")


def test_quiet_prints_the_token_alone(llmctl: Llmctl, db: Client) -> None:
    token = llmctl.ok("token", "add", "page", "--role", "admin", "-q")
    assert TOKEN.fullmatch(token)
    assert db.one("select name, role, tenants from act_as(%s)", hashed(token)) == ("page", "admin", None)


def test_the_example_leads_to_the_socket_of_config_yaml(llmctl: Llmctl) -> None:
    with Path(llmctl.environment["LLMCTL_HOME"], "config.yaml").open("a") as config:
        config.write("api: {socket: /run/llmctl/api.sock}\n")
    said = llmctl.ok("token", "add", "ci", "--role", "reader")
    assert " --unix-socket /run/llmctl/api.sock http://localhost/tasks" in said
    assert "Until it is removed it may see the tasks of all tenants, and change nothing." in said


def test_ls_shows_what_each_may_and_whether_it_is_used(llmctl: Llmctl, db: Client) -> None:
    empty = llmctl("token", "ls")
    assert (empty.code, empty.out, empty.err) == (0, "", "no tokens yet; `llmctl token add` makes one\n")
    used = llmctl.ok("token", "add", "ci", "--role", "operator", "--tenant", "acme", "-q")
    db.run("select act_as(%s)", hashed(used))
    llmctl.ok("token", "add", "old", "--role", "reader", "--expires", "1h")
    db.run("update api_tokens set expires_at = now() where name = 'old'")
    heading, first, second = llmctl.ok("token", "ls").splitlines()
    assert heading.split() == ["NAME", "ROLE", "TENANTS", "EXPIRES", "LAST", "USED", "CREATED"]
    assert re.fullmatch(r"ci +operator +acme +never +\d{4}-.*", first)
    assert re.fullmatch(r"old +reader +all +expired +never +\d{4}-.*", second)
    assert llmctl.ok("token", "list", "-o", "csv").startswith("name,role,tenants,created_at,expires_at,")


def test_logout_logs_all_browsers_out_and_leaves_the_token(llmctl: Llmctl, db: Client) -> None:
    made = llmctl.ok("token", "add", "me", "--role", "operator", "-q")
    for session in ("one", "two"):
        db.run("select start_session(%s, %s)", hashed_session(session), hashed(made))
    heading, line = llmctl.ok("token", "ls").splitlines()
    assert "BROWSERS" in heading
    assert " 2 " in line
    assert llmctl.ok("token", "logout", "me") == "token me: 2 browsers are logged out"
    assert llmctl.ok("token", "logout", "me") == "token me: 0 browsers are logged out"
    assert "BROWSERS" not in llmctl.ok("token", "ls")
    db.run("select act_as(%s)", hashed(made))
    missing = llmctl("token", "logout", "nobody")
    assert (missing.code, "there is no token 'nobody'" in missing.err) == (3, True)


def test_rm_ends_a_token(llmctl: Llmctl, db: Client) -> None:
    llmctl.ok("token", "add", "ci", "--role", "reader")
    assert llmctl.ok("token", "rm", "ci") == "token ci removed"
    assert db.rows("select * from list_tokens()") == []


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["add", "ci"], 2, "Missing option '--role'"),
        (
            ["add", "ci", "--role", "root"],
            2,
            "'root' is not one of 'producer', 'reader', 'operator', 'admin'",
        ),
        (["add", "a b", "--role", "reader"], 2, "'a b' is not a valid name of a token: expected"),
        (["add", "ci", "--role", "admin", "--tenant", "a"], 2, "an admin cannot be confined to tenants"),
        (["add", "ci", "--role", "reader", "--tenant", ""], 2, "'' is not a valid tenant"),
        (["add", "ci", "--role", "reader", "--expires", "soon"], 2, "'soon' is not a length of time"),
        (["add", "ci", "--role", "reader", "--expires", "0"], 2, "0 is not a valid time to live"),
        (["add", "taken", "--role", "reader"], 5, "there is a token 'taken' already"),
        (["rm", "nobody"], 3, "there is no token 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_and_prints_no_token(
    llmctl: Llmctl, arguments: list[str], code: int, complaint: str
) -> None:
    if "taken" in arguments:
        llmctl.ok("token", "add", "taken", "--role", "reader")
    refused = llmctl("token", *arguments)
    assert (refused.code, refused.out) == (code, "")
    assert complaint in refused.err

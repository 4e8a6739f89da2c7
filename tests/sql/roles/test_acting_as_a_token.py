"""How a transaction acts as a token, and that nobody gets more by it than both the token and the login have."""

import psycopg
import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.conftest import LogIn
from tests.sql.refused import refused
from tests.sql.roles.conftest import MakeToken

FORBIDDEN = "42501"


def tenants_of(session: Client) -> set[object]:
    return {tenant for (tenant,) in session.rows("select distinct tenant_id from list_tasks()")}


@pytest.fixture(autouse=True)
def tasks(db: Client) -> None:
    for tenant in ("a", "b", "c"):
        db.submit(tenant_id=tenant)


def test_act_as_says_who_acts_and_ends_with_the_transaction(token: MakeToken, api: Client) -> None:
    made = token("reader", ["b", "a"], name="ci")
    login = api.value("select session_user")
    with made.acting() as session:
        assert session.one("select name, role, tenants from act_as(%s)", made.hash) == (
            "ci",
            "reader",
            ["a", "b"],
        )
        assert session.value("select current_user") == "llmctl_reader"
        assert tenants_of(session) == {"a", "b"}
    assert api.value("select current_user") == login
    assert tenants_of(api) == {"a", "b", "c"}


def test_a_transaction_that_fails_ends_it_too(token: MakeToken, api: Client) -> None:
    with refused("LD404"):
        token("reader", ["a"]).rows("select show_task('2')")
    assert tenants_of(api) == {"a", "b", "c"}


def test_the_owner_can_act_as_a_token_of_each_role(db: Client, token: MakeToken) -> None:
    """As with the embedded server, where there is no other login."""
    for role in ("producer", "reader", "operator"):
        with token(role, ["a"]).through(db).acting() as session:
            assert session.value("select current_user") == f"llmctl_{role}"
            assert tenants_of(session) == {"a"}
    assert token("admin").through(db).rows("select count(*) from list_tasks()") == [(3,)]


def test_a_token_submits_for_its_only_tenant_without_naming_it(db: Client, token: MakeToken) -> None:
    producer = token("producer", ["acme"], name="ci")
    producer.rows("select submit_task('claude', 'p')")
    assert db.value("select tenant_id from tasks order by number desc limit 1") == "acme"
    with refused(FORBIDDEN, "token 'ci' may not act for tenant 'a'"):
        producer.rows("select submit_task('claude', 'p', p_tenant_id => 'a')")
    with refused(FORBIDDEN, "token 'ci' may not go on with session 'latest'"):
        producer.rows("select submit_task('claude', 'p', p_session_id => 'latest')")


def test_a_token_that_expired_is_refused_at_its_next_call(db: Client, time: Clock, token: MakeToken) -> None:
    reader = token("reader", name="ci", expires_in_s=60)
    time.passes(59)
    assert reader.rows("select count(*) from list_tasks()") == [(3,)]
    assert db.rows("select name, expired from list_tokens()") == [("ci", False)]
    with reader.acting() as session:
        time.passes(1)
        assert tenants_of(session) == set(), "not even a transaction that has begun goes on"
    with refused("LD401", "token 'ci' has expired"):
        reader.rows("select count(*) from list_tasks()")
    assert db.rows("select name, expired from list_tokens()") == [("ci", True)]


def test_a_token_that_was_removed_is_refused_at_its_next_call(db: Client, token: MakeToken) -> None:
    reader = token("reader", name="ci")
    assert reader.rows("select count(*) from list_tasks()") == [(3,)]
    with reader.acting() as session:
        db.run("select remove_token('ci')")
        assert tenants_of(session) == set()
    with refused("LD401", "this token is unknown or was removed"):
        reader.rows("select count(*) from list_tasks()")
    with refused("LD404", "there is no token 'ci'"):
        db.run("select remove_token('ci')")


def test_no_hash_is_no_token(api: Client) -> None:
    for hashed in (b"", b"x" * 32, None):
        with refused("LD401"):
            api.run("select act_as(%s)", hashed)


def test_a_login_acts_only_as_tokens_whose_role_it_has_and_is_told_what_to_ask_for(
    log_in: LogIn, token: MakeToken
) -> None:
    login = log_in("producer", tenants=["a"])
    name = login.value("select session_user")
    for role in ("reader", "operator", "admin"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            token(role).through(login).rows("select 1")
        assert caught.value.diag.message_primary == f"login '{name}' may not act as a token of role {role}"
        assert f"GRANT llmctl_{role} TO {name}" in str(caught.value.diag.message_hint)
    assert token("producer").through(login).rows("select count(*) from list_tasks()") == [(1,)]


def test_a_token_has_only_those_of_its_tenants_that_the_login_has(log_in: LogIn, token: MakeToken) -> None:
    login = log_in("producer", tenants=["a", "b"])
    with token("producer", ["b", "c"]).through(login).acting() as session:
        assert tenants_of(session) == {"b"}
    foreign = token("producer", ["c"]).through(login)
    with foreign.acting() as session:
        assert tenants_of(session) == set()
    with refused(FORBIDDEN, f"token '{foreign.name}' may not act for tenant 'c'"):
        foreign.rows("select submit_task('claude', 'p', p_tenant_id => 'c')")


@pytest.mark.parametrize("group", ["producer", "reader", "operator", "dispatcher", "admin"])
def test_a_setting_by_hand_can_only_confine(log_in: LogIn, token: MakeToken, group: str) -> None:
    mine = {"a"} if group == "producer" else {"a", "b", "c"}
    session = log_in(group, tenants=["a"])
    forged = {
        token("admin").name: mine,
        token("reader").name: mine,
        token("reader", ["a", "b"]).name: mine & {"a", "b"},
        token("producer", ["c"]).name: mine & {"c"},
        "nobody": set(),
        "": mine,
    }
    for name, seen in forged.items():
        session.run("select set_config('llmctl.token', %s, false)", name)
        assert tenants_of(session) == seen, name


def test_a_setting_by_hand_opens_no_function_and_shows_no_variable(
    db: Client, log_in: LogIn, token: MakeToken
) -> None:
    db.run("select put_group('main', 'claude', 'main', 1, '{\"KEY\": \"env:KEY\"}', '/logins/main')")
    session = log_in("producer", tenants=["a"])
    session.run("select set_config('llmctl.token', %s, false)", token("admin").name)
    assert session.rows("select config_home, env_vars from list_groups()") == [(None, {})]
    with refused(FORBIDDEN, "permission denied for function pause_group"):
        session.run("select pause_group('main')")


def test_use_is_noted_once_an_hour(db: Client, time: Clock, token: MakeToken) -> None:
    reader = token("reader", name="ci")
    used = "select extract(epoch from clock() - last_used_at)::integer from list_tokens()"
    assert db.rows(used) == [(None,)]
    for passed, age in ((0, 0), (3599, 3599), (1, 0), (10, 10)):
        time.passes(passed)
        reader.rows("select 1")
        assert db.rows(used) == [(age,)]


def test_no_request_waits_for_another_that_notes_the_use(db: Client, token: MakeToken) -> None:
    reader = token("reader").through(db)
    other = reader.through(db.another())
    other.login.run("set lock_timeout = '5s'")
    with reader.acting():
        assert other.rows("select count(*) from list_tasks()") == [(3,)]


def test_a_read_only_transaction_acts_without_noting_it(db: Client, token: MakeToken) -> None:
    reader = token("reader", name="ci")
    reader.login.run("set default_transaction_read_only = on")
    assert reader.rows("select count(*) from list_tasks()") == [(3,)]
    assert db.rows("select last_used_at from list_tokens()") == [(None,)]


def test_a_login_that_is_an_operator_acts_for_all_tenants(db: Client, log_in: LogIn) -> None:
    operator = log_in("operator", tenants=["a"])
    assert tenants_of(operator) == {"a", "b", "c"}
    assert operator.value("select cancel_task('2')") == "canceled"
    assert operator.submit(tenant_id="d").created
    db.group("main")
    operator.run("select pause_group('main', 'invoice')")
    operator.run("select set_limit('tenant:b', 1)")


def test_an_admin_makes_lists_and_removes_tokens_and_sees_no_hash(db: Client, log_in: LogIn) -> None:
    admin = log_in("admin")
    admin.run("select add_token('ci', %s, 'producer', '{b,a,a}', 60)", b"x" * 32)
    [(listed,)] = admin.rows("select to_jsonb(token) from list_tokens() as token")
    assert isinstance(listed, dict)
    assert (listed["name"], listed["role"], listed["tenants"]) == ("ci", "producer", ["a", "b"])
    assert "78787878" not in str(listed)
    admin.run("select remove_token('ci')")
    assert admin.rows("select name from list_tokens()") == []


def test_what_can_be_no_token_is_refused_with_a_sentence(db: Client) -> None:
    add = "select add_token(%s, %s, %s, %s, %s)"
    good = b"x" * 32
    for arguments, complaint in (
        (("a b", good, "reader", None, None), "'a b' is not a valid name of a token"),
        ((None, good, "reader", None, None), "NULL is not a valid name of a token"),
        (("x" * 64, good, "reader", None, None), "is not a valid name of a token"),
        (("ci", b"short", "reader", None, None), "not a valid hash"),
        (("ci", None, "reader", None, None), "not a valid hash"),
        (("ci", good, "root", None, None), "'root' is not a valid role: expected producer, reader"),
        (("ci", good, None, None, None), "NULL is not a valid role"),
        (("ci", good, "admin", ["a"], None), "an admin cannot be confined to tenants"),
        (("ci", good, "reader", [], None), "a token without a tenant may do nothing"),
        (("ci", good, "reader", ["a", "b\n"], None), "is not a valid tenant"),
        (("ci", good, "reader", ["a", None], None), "is not a valid tenant"),
        (("ci", good, "reader", ["x" * 201], None), "is not a valid tenant"),
        (("ci", good, "reader", None, 0), "0 is not a valid time to live"),
        (("ci", good, "reader", None, "infinity"), "Infinity is not a valid time to live"),
    ):
        with refused("LD400", complaint):
            db.run(add, *arguments)
    db.run(add, "ci", good, "reader", None, None)
    for name, hashed in (("ci", b"y" * 32), ("cd", good)):
        with refused("LD409", f"there is a token '{name}' already, or one with the same secret"):
            db.run(add, name, hashed, "reader", None, None)

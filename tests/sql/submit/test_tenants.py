"""What a producer may do with the tasks of its tenants, and that those of others do not exist for it."""

from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.fixtures.roles import MakeRole
from tests.sql.client import Client
from tests.sql.conftest import LogIn
from tests.sql.refused import refused

FORBIDDEN = "42501"


def test_a_producer_submits_for_its_tenant_without_naming_it(acme: Client, db: Client) -> None:
    task = acme.submit()
    assert db.one("select tenant_id, status from tasks where number = %s", task.number) == ("acme", "queued")


def test_a_producer_submits_for_no_other_tenant_and_then_nothing_is_half_done(
    acme: Client, db: Client
) -> None:
    with refused(FORBIDDEN, "may not act for tenant 'other'"):
        acme.submit_all(
            [{"tool": "claude", "prompt": "mine"}, {"tool": "claude", "prompt": "p", "tenant_id": "other"}]
        )
    with refused(FORBIDDEN, "may not act for tenant 'default'"):
        acme.submit(tenant_id="default")
    assert db.value("select count(*) from tasks") == 1


def test_a_known_key_of_another_tenant_tells_nothing(acme: Client) -> None:
    assert acme.submit(idempotency_key="night").created
    with refused(FORBIDDEN):
        acme.submit(idempotency_key="night", tenant_id="other")


def test_a_producer_without_a_tenant_is_told_how_to_get_one(db: Client, log_in: LogIn) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        log_in("producer").submit()
    assert "SELECT grant_tenant(role, tenant)" in (caught.value.diag.message_hint or "")


def test_a_producer_of_two_tenants_names_one(db: Client, log_in: LogIn) -> None:
    both = log_in("producer", tenants=["a", "b"])
    both.submit(tenant_id="a")
    both.submit(tenant_id="b")
    with refused(FORBIDDEN, "may not act for tenant 'default'"):
        both.submit()
    assert both.rows("select state, tasks from count_tasks()") == [("queued", 2)]


def test_a_role_has_the_tenants_of_the_roles_that_it_is_in(db: Client, role: MakeRole, log_in: LogIn) -> None:
    team = role("llmctl_producer")
    db.run("select grant_tenant(%s, 'team')", team)
    name = log_in("producer")
    db.connection.execute(
        SQL("grant {} to {}").format(Identifier(team), Identifier(str(name.value("select session_user"))))
    )
    assert name.submit(tenant_id="team").created
    db.run("select revoke_tenant(%s, 'team')", team)
    with refused(FORBIDDEN):
        name.submit(tenant_id="team")


def test_set_role_changes_no_tenant(db: Client, log_in: LogIn) -> None:
    """A pool's login may take on other roles; who logged in is what counts."""
    pool, theirs = log_in(tenants=["mine"]), log_in("producer", tenants=["theirs"])
    pool_name, their_name = (Identifier(str(each.value("select session_user"))) for each in (pool, theirs))
    db.connection.execute(SQL("alter role {} noinherit").format(pool_name))
    db.connection.execute(SQL("grant {} to {}").format(their_name, pool_name))
    pool.connection.execute(SQL("set role {}").format(their_name))
    with refused(FORBIDDEN, "may not act for tenant 'theirs'"):
        pool.submit(tenant_id="theirs")
    assert pool.submit().created
    assert db.value("select tenant_id from tasks") == "mine"


def test_a_producer_sees_its_own_tasks_only(acme: Client) -> None:
    mine = acme.submit()
    assert acme.rows("select number from list_tasks()") == [(mine.number,)]
    assert acme.rows('select number from list_tasks(\'{"tenant": "other"}\')') == []
    assert acme.rows("select state, tasks from count_tasks()") == [("queued", 1)]
    shown = acme.value("select show_task(%s)", str(mine.number))
    assert isinstance(shown, dict)
    assert shown["tenant_id"] == "acme"


def test_what_other_tenants_run_and_cost_is_not_shown(acme: Client, db: Client) -> None:
    me = db.dispatcher()
    [run] = db.claim(me).runs
    assert db.rows("select number from list_active()") == [(1,)]
    assert acme.rows("select number from list_active()") == []
    db.finish(me, run, final_text="x", cost_usd=3)
    assert db.rows("select key, runs from stats('tenant')") == [("other", 1)]
    assert acme.rows("select key, runs from stats('tenant')") == []


OF_ANOTHER: list[LiteralString] = [
    "select * from read_output('1', 1, 'stdout')",
    "select * from log_state('1')",
    "select show_task('1')",
    "select * from list_runs('1')",
    "select * from list_files('1')",
    "select * from read_file('1', 'in.txt')",
    "select * from task_states('{1}')",
    "select * from read_results('{1}')",
    "select why_waiting('1')",
    "select cancel_task('1')",
    "select retry_task('1')",
    "select * from reply_task('1', 'and what did they say?')",
]


def test_a_task_of_another_tenant_does_not_exist_for_a_producer(acme: Client) -> None:
    for call in OF_ANOTHER:
        with refused("LD404", "there is no task 1"):
            acme.rows(call)


def session_of(db: Client, number: int, session: str) -> str:
    """Let a task run, whose agent names this session."""
    me = db.dispatcher()
    [run] = [run for run in db.claim(me).runs if run.number == number]
    db.finish(me, run, final_text="done", session_id=session)
    return session


def test_a_producer_goes_on_with_no_session_but_those_of_its_tenants(acme: Client, db: Client) -> None:
    """Another's, one that nobody had, and what a CLI takes for "the last one" are refused alike."""
    theirs = session_of(db, 1, "5e55-other")
    mine = session_of(db, acme.submit().number, "5e55-acme")
    for session in (theirs, "5e55-never", "latest", "1"):
        with refused(FORBIDDEN, f"may not go on with session '{session}': no task of its tenants had it"):
            acme.submit(session_id=session)
        with refused(FORBIDDEN, "may not go on with session"):
            acme.run("select submit_task('claude', 'and what did they say?', p_session_id => %s)", session)
        with refused(FORBIDDEN, "may not go on with session"):
            acme.submit_all([{"tool": "claude", "prompt": "p", "session_id": one} for one in (mine, session)])
    assert acme.submit(session_id=mine).created
    assert db.submit(session_id=theirs, tenant_id="other").created
    assert db.value("select count(*) from tasks") == 4


def test_a_session_that_another_tenant_went_on_with_is_not_a_producers_any_more(
    acme: Client, db: Client
) -> None:
    session = session_of(db, 1, "5e55-shared")
    own = acme.submit()
    session_of(db, own.number, session)
    with refused(FORBIDDEN, "may not go on with session"):
        acme.submit(session_id=session)


def test_a_known_key_is_known_whatever_session_it_asks_for(acme: Client, db: Client) -> None:
    theirs = session_of(db, 1, "5e55-other")
    first = acme.submit(idempotency_key="k")
    again = acme.submit(idempotency_key="k", session_id=theirs)
    assert (again.created, again.number) == (False, first.number)


def test_a_row_by_hand_goes_on_with_nothing_of_another_tenant(acme: Client, db: Client) -> None:
    session_of(db, 1, "5e55-other")
    name = Identifier(str(acme.value("select session_user")))
    columns: LiteralString = "tool, prompt, tenant_id, asked_session, session_id, continues, resumes"
    db.connection.execute(SQL("grant insert ({}) on tasks to {}").format(SQL(columns), name))
    for column in ("asked_session", "session_id"):
        insert = SQL("insert into tasks (tool, prompt, tenant_id, {}) values ('claude', 'p', 'acme', %s)")
        with refused(FORBIDDEN, "may not go on with session '5e55-other'"):
            acme.connection.execute(insert.format(Identifier(column)), ["5e55-other"])
    run = db.value("select id from task_runs")
    for column in ("continues", "resumes"):
        insert = SQL("insert into tasks (tool, prompt, tenant_id, {}) values ('claude', 'p', 'acme', %s)")
        with refused(FORBIDDEN, "may not name a run to continue"):
            acme.connection.execute(insert.format(Identifier(column)), [run])


def test_a_producer_replies_to_its_own_task(acme: Client, db: Client) -> None:
    session_of(db, 1, "5e55-other")
    mine = acme.submit()
    session_of(db, mine.number, "5e55-acme")
    assert acme.rows("select created from reply_task(%s, 'go on')", str(mine.number)) == [(True,)]


def test_the_uuid_of_anothers_task_leads_nowhere(acme: Client, db: Client) -> None:
    task = str(db.value("select id from tasks"))
    for name in (task, task[:8]):
        with refused("LD404", f"there is no task {name}"):
            acme.rows("select cancel_task(%s)", name)


def test_a_producer_cancels_and_tries_again_what_is_its_own(acme: Client) -> None:
    mine = acme.submit()
    assert acme.value("select cancel_task(%s)", str(mine.number)) == "canceled"
    acme.run("select retry_task(%s)", str(mine.number))
    assert acme.rows("select status from task_states(%s)", [str(mine.number)]) == [("queued",)]


ALL_VIEWS: list[LiteralString] = [
    "select to_jsonb(row)::text from {} as row".replace("{}", view)
    for view in (
        "count_tasks()", "list_active()", "list_dispatchers()", "list_files('2')", "list_groups()", "list_limits()",
        "list_runs('2')", "list_tasks()", "log_state('2')", "read_file('2', 'in.txt')", "read_output('2', 1, 'stdout')",
        "read_results('{2}')", "show_task('2')", "stats('group')", "stats('tenant')", "task_states('{2}')",
        "why_waiting('2')",
    )
]  # fmt: skip


def test_no_view_tells_a_producer_how_an_account_proves_who_it_is(acme: Client, db: Client) -> None:
    """Not even of its own tasks, while they run and after the account was refused."""
    task = acme.submit(priority=9, input_files=[{"path": "in.txt", "content": "x"}])
    me = db.dispatcher()
    [run] = db.claim(me).runs
    assert (run.number, run.answer["env"]) == (task.number, {"ANTHROPIC_API_KEY": "env:KEY"})
    told = [row for view in ALL_VIEWS for row in acme.rows(view)]
    db.finish(me, run, "auth", error_message="claude is not logged in")
    told += [row for view in ALL_VIEWS for row in acme.rows(view)]

    assert "claude is not logged in" in str(told)
    for hidden in ("env:KEY", "ANTHROPIC_API_KEY", "/logins", "secret of other", "their file"):
        assert hidden not in str(told)


def test_a_producer_sees_slots_but_neither_variables_nor_logins(acme: Client, db: Client) -> None:
    assert acme.rows("select group_name, max_concurrent, config_home, env_vars from list_groups()") == [
        ("main", 1, None, {})
    ]
    db.limit("tenant:other", 3)
    db.limit("tenant:acme", 2)
    seen = [row[0] for row in acme.rows("select scope from list_limits()")]
    assert "tenant:acme" in seen
    assert "tenant:other" not in seen

"""What each database role may do, and above all what it may not."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from dispatcher.database.migrate import Migrated, migrate
from dispatcher.settings import DatabaseSettings, Settings
from tests.fixtures.postgres import PostgresServer, serving
from tests.fixtures.roles import MakeRole, acting_as
from tests.sql.client import Client
from tests.sql.refused import refused

ROOT = Path(__file__).parents[2]
SOURCES = [file.read_text() for package in ("cli", "dispatcher") for file in (ROOT / package).rglob("*.py")]
FUNCTIONS = sorted(file.stem for file in (ROOT / "sql" / "functions").iterdir())
FORBIDDEN = "42501"

LogIn = Callable[..., Client]


@pytest.fixture
def log_in(db: Client, role: MakeRole) -> Iterator[LogIn]:
    """Opens a session of a new role that is in these group roles and has these tenants."""
    with ExitStack() as sessions:

        def opened(*groups: str, tenants: Sequence[str] = ()) -> Client:
            name = role(*(f"llmctl_{group}" for group in groups))
            for tenant in tenants:
                db.run("select grant_tenant(%s, %s)", name, tenant)
            session = sessions.enter_context(Client(db.database))
            session.connection.execute(SQL("set session authorization {}").format(Identifier(name)))
            return session

        yield opened


@pytest.fixture
def acme(db: Client, log_in: LogIn) -> Client:
    """A session of a producer for the tenant acme, in a database that also holds a task of another tenant: task 1."""
    db.group("main", account="main")
    db.run(
        "select put_group('main', 'claude', 'main', 1, '{\"ANTHROPIC_API_KEY\": \"env:KEY\"}', '/logins/main')"
    )
    db.submit("secret of other", tenant_id="other", idempotency_key="night", output_files=["plan.md"],
              input_files=[{"path": "in.txt", "content": "their file"}])  # fmt: skip
    return log_in("producer", tenants=["acme"])


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
    assert acme.rows("select number from list_tasks(p_tenant_id => 'other')") == []
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
    "select why_waiting('1')",
    "select cancel_task('1')",
    "select retry_task('1')",
    "select * from reply_task('1', 'and what did they say?')",
]


def test_a_task_of_another_tenant_does_not_exist_for_a_producer(acme: Client) -> None:
    for call in OF_ANOTHER:
        with refused("LD404", "there is no task 1"):
            acme.rows(call)


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


def test_a_producer_sees_slots_but_neither_variables_nor_logins(acme: Client, db: Client) -> None:
    assert acme.rows("select group_name, max_concurrent, config_home, env_vars from list_groups()") == [
        ("main", 1, None, {})
    ]
    db.limit("tenant:other", 3)
    db.limit("tenant:acme", 2)
    seen = [row[0] for row in acme.rows("select scope from list_limits()")]
    assert "tenant:acme" in seen
    assert "tenant:other" not in seen


FORBIDDEN_TO_ALL: list[LiteralString] = [
    "select * from tasks",
    "select env_vars from worker_groups",
    "select * from task_runs",
    "select * from run_output",
    "select * from task_files",
    "select * from tenant_roles",
    "select * from dispatchers",
    "insert into tasks (tool, prompt) values ('claude', 'p')",
    "insert into tenant_roles values (session_user, 'other')",
    "update task_runs set status = 'succeeded'",
    "update tasks set status = 'succeeded'",
    "update concurrency_limits set current_concurrent = 0",
    "update schema_definitions set digest = ''",
    "delete from tasks",
    "truncate tasks",
    "create table tasks2 ()",
    "create function public.clock2() returns int language sql return 1",
    "select nextval('tasks_number_seq')",
    "select clock()",
    "select session_tenants()",
    "select lock_claims()",
    "select move_counters('{-tool:claude}')",
    "select lease_tasks(null, 1)",
    "select tasks_inserted()",
    "set role llmctl_owner",
    "alter function submit_tasks security invoker",
]


def test_no_role_touches_a_table_or_an_inner_function(log_in: LogIn) -> None:
    sessions = [log_in(group, tenants=["acme"]) for group in ("producer", "reader", "dispatcher", "admin")]
    for session in sessions:
        for statement in FORBIDDEN_TO_ALL:
            with refused(FORBIDDEN):
                session.run(statement)


VIEWS = {
    "count_tasks", "list_active", "list_dispatchers", "list_files", "list_groups", "list_limits", "list_runs",
    "list_tasks", "log_state", "read_file", "read_output", "show_task", "stats", "task_states", "why_waiting",
}  # fmt: skip
SUBMITS = {"cancel_task", "reply_task", "retry_task", "submit_task", "submit_tasks"}
CHECKS = {"check_counters", "database_id", "unserved_tasks"}
CONFIGURES = {"put_group", "put_tool", "recover_lost", "set_limit"}
STEERS = {
    "change_group", "clear_cooldown", "cool_down_group", "grant_tenant", "pause_group", "remove_group",
    "remove_limit", "resume_group", "revoke_tenant", "set_group_limit",
}  # fmt: skip
DISPATCHES = {
    "adopt_runs", "append_output", "claim_tasks", "close_dispatcher", "count_prunable", "finish_run", "finish_runs",
    "has_work", "heartbeat", "input_files_of", "next_deadline", "open_runs", "prune_output", "prune_tasks",
    "register_dispatcher", "report_and_claim", "start_run", "start_runs", "store_output",
    "unreferenced_files",
}  # fmt: skip


@pytest.mark.parametrize(
    ("group", "may"),
    [
        ("producer", VIEWS | SUBMITS),
        ("reader", VIEWS | CHECKS),
        ("dispatcher", VIEWS | CHECKS | CONFIGURES | DISPATCHES),
        ("admin", VIEWS | SUBMITS | CHECKS | CONFIGURES | STEERS),
    ],
)
def test_every_function_that_is_not_a_roles_own_is_refused_to_it(
    db: Client, log_in: LogIn, group: str, may: set[str]
) -> None:
    session = log_in(group, tenants=["acme"])
    allowed = session.rows(
        "select proname from schema_definitions, unnest(functions) as name"
        " join pg_proc on pg_proc.oid = name::regprocedure where has_function_privilege(name, 'execute')"
    )
    assert {name for (name,) in allowed} == may
    for name, call in every_call(db):
        if name not in may:
            with refused(FORBIDDEN, f"permission denied for function {name}"):
                session.connection.execute(call)


def every_call(db: Client) -> list[tuple[str, bytes]]:
    """Each of our functions, called without a value; a strict one would not even be looked at then."""
    rows = db.rows(
        "select proname, format('select %%I(%%s)', proname, array_to_string(array("
        "    select 'null::' || format_type(type, null) from unnest(proargtypes) as type), ', '))"
        " from schema_definitions, unnest(functions) as name join pg_proc on pg_proc.oid = name::regprocedure"
        " where not proisstrict"
    )
    assert rows
    return [(str(name), str(call).encode()) for name, call in rows]


def test_tables_and_functions_of_a_producers_own_schema_are_not_taken_for_ours(
    acme: Client, db: Client
) -> None:
    acme.run("create temp table tasks (like pg_class)")
    acme.run("create temp table tenant_roles as select session_user as role_name, 'other'::text as tenant_id")
    acme.run("create function pg_temp.first_complaint(jsonb) returns text language sql return null")
    acme.run("set search_path = pg_temp, public")
    with refused(FORBIDDEN):
        acme.run("select public.submit_task('claude', 'p', p_tenant_id => 'other')")
    with refused("LD400"):
        acme.run("select public.submit_task('claude', '')")
    acme.run("select public.submit_task('claude', 'p')")
    assert db.rows("select tenant_id from tasks order by number") == [("other",), ("acme",)]


def test_a_role_that_may_insert_by_hand_is_bound_to_its_tenant_and_heard(acme: Client, db: Client) -> None:
    db.run("select cancel_task('1')")
    db.run("listen task_ready")
    name = Identifier(str(acme.value("select session_user")))
    db.connection.execute(SQL("grant insert (tool, prompt, tenant_id) on tasks to {}").format(name))
    insert: LiteralString = "insert into tasks (tool, prompt, tenant_id) values ('claude', 'by hand', %s)"
    with refused(FORBIDDEN, "may not act for tenant 'other'"):
        acme.run(insert, "other")
    acme.run(insert, "acme")
    assert [heard.payload for heard in db.connection.notifies(timeout=10, stop_after=1)] == ["claude"]
    assert [run.answer["prompt"] for run in db.claim(db.dispatcher()).runs] == ["by hand"]


def test_a_reader_sees_all(acme: Client, log_in: LogIn) -> None:
    acme.submit()
    reader = log_in("reader")
    assert reader.rows("select number from list_tasks() order by 1") == [(1,), (2,)]
    assert reader.rows("select content from read_file('1', 'in.txt')") == [(b"their file",)]
    assert reader.drift() == []


def test_a_producer_that_is_a_reader_too_stays_with_its_tenants(acme: Client, log_in: LogIn) -> None:
    both = log_in("producer", "reader", tenants=["acme"])
    acme.submit()
    assert both.rows("select number from list_tasks()") == [(2,)]


def test_a_dispatcher_does_a_whole_run(acme: Client, db: Client, log_in: LogIn) -> None:
    agent = log_in("dispatcher")
    me = agent.dispatcher()
    assert agent.value("select adopt_runs(%s)", me) == []
    [run] = agent.claim(me).runs
    assert run.answer["env"] == {"ANTHROPIC_API_KEY": "env:KEY"}
    assert agent.rows("select content from input_files_of(%s)", run.answer["task_id"]) == [(b"their file",)]
    agent.start(me, run)
    agent.value("select heartbeat(%s)", me)
    agent.value("select store_output(%s, %s, 'plan.md', 'plan', null, 4, '', 420)", me, run.id)
    assert agent.finish(me, run, final_text="done") == "finished"
    assert agent.value("select has_work(%s)", me) is False
    agent.run("select close_dispatcher(%s)", me)
    agent.group("new", account="new")
    agent.limit("tool:claude", 2)
    assert db.status(1) == ("succeeded", None)


def test_an_admin_steers_all(acme: Client, log_in: LogIn) -> None:
    admin = log_in("admin")
    admin.run("select pause_group('main', 'invoice')")
    admin.run("select resume_group('main')")
    admin.run("select set_group_limit('main', 3)")
    admin.run("select cancel_task('1')")
    assert admin.submit(tenant_id="anybody").created
    admin.run("select grant_tenant(%s, 'more')", acme.value("select session_user"))
    assert acme.submit(tenant_id="more").created


def test_a_tenant_is_given_to_a_role_that_exists_by_a_name_that_can_be(acme: Client, db: Client) -> None:
    name = acme.value("select session_user")
    with refused("LD404", "there is no role 'nobody_of_that_name'"):
        db.run("select grant_tenant('nobody_of_that_name', 'acme')")
    with refused("LD404", "was not given tenant"):
        db.run("select revoke_tenant(%s, 'other')", name)
    for impossible in ("a\nb", None, ""):
        with refused("LD400", "a tenant has a name"):
            db.run("select grant_tenant(%s, %s)", name, impossible)


def test_what_our_programs_call_is_granted_to_some_role(db: Client) -> None:
    """A new function that people or dispatchers call belongs into sql/grants.sql, else only its owner can call it."""
    granted = {row[0] for row in db.rows(
        "select proname from pg_proc, aclexplode(proacl) where grantee::regrole::text like 'llmctl\\_%%'"
        " and grantee <> 'llmctl_owner'::regrole")}  # fmt: skip
    called_from_python = {
        name
        for source in SOURCES
        for found in re.findall(
            r"""(?:SELECT|FROM) (\w+)\(|(?:value|rows)\(\s*(?:\w+,\s*)?"(\w+)\"""", source
        )
        for name in found
        if name in FUNCTIONS
    }
    assert {"report_and_claim", "submit_tasks", "list_tasks"} <= called_from_python
    assert called_from_python - granted == set()


def test_no_function_of_ours_is_everybodys_or_runs_as_a_superuser(db: Client) -> None:
    of_ours = (
        "from schema_definitions, unnest(functions) as name join pg_proc on pg_proc.oid = name::regprocedure"
    )
    assert db.value(f"select count(*) {of_ours}") == len(FUNCTIONS)
    assert db.rows(f"select name {of_ours} where has_function_privilege('pg_monitor', name, 'execute')") == []
    assert (
        db.rows(
            f"select name {of_ours} join pg_roles on pg_roles.oid = proowner where prosecdef and rolsuper"
        )
        == []
    )
    assert (
        db.rows(
            f"select name {of_ours} where prosecdef and not proconfig::text ~ 'search_path=public, pg_temp'"
        )
        == []
    )


def test_a_migration_by_an_owner_who_is_no_superuser_works_and_grants(
    postgres_server: PostgresServer, database: str, role: MakeRole
) -> None:
    """The group roles are there already, as another database's; the owner may not create any."""
    owner = role()
    name = postgres_server.create()
    url = acting_as(postgres_server.embedded.url("postgres"), owner)
    try:
        with Client(postgres_server.embedded.url(name)) as superuser:
            superuser.connection.execute(SQL("grant create on schema public to {}").format(Identifier(owner)))
            migrate(Settings(database=DatabaseSettings(url=url, name=name)))
            superuser.run("set session authorization default")
            producer = role("llmctl_producer")
            superuser.run("select grant_tenant(%s, 'acme')", producer)
            superuser.connection.execute(SQL("set session authorization {}").format(Identifier(producer)))
            assert superuser.submit().created
            assert superuser.rows("select tenant_id from list_tasks()") == [("acme",)]
            with refused(FORBIDDEN):
                superuser.rows("select * from tasks")
            assert (
                superuser.value("select proowner::regrole::text from pg_proc where proname = 'submit_task'")
                == owner
            )
    finally:
        postgres_server.drop(name)


def test_roles_that_an_administrator_creates_later_are_granted_by_the_next_migrate(tmp_path: Path) -> None:
    with (
        serving(tmp_path) as server,
        psycopg.connect(server.embedded.url("postgres"), autocommit=True) as admin,
    ):
        admin.execute("create role plain login")
        admin.execute("create database plain owner plain")
        url = acting_as(server.embedded.url("postgres"), "plain")
        settings = Settings(database=DatabaseSettings(url=url, name="plain"))
        assert migrate(settings).redefined
        assert admin.execute("select from pg_roles where rolname like 'llmctl\\_%'").rowcount == 0
        admin.execute("create role llmctl_producer nologin")
        admin.execute("create role app login in role llmctl_producer")
        assert migrate(settings) == Migrated()
        with Client(server.embedded.url("plain")) as app:
            app.run("select grant_tenant('app', 'acme')")
            app.run("set session authorization app")
            assert app.submit().created

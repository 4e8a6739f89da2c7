"""What each database role may do, and above all what it may not."""

import hashlib
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from dispatcher.configuration.sections.service import DatabaseSettings
from dispatcher.configuration.settings import Settings
from dispatcher.database.migrate import Migrated, migrate
from tests.fixtures.postgres import PostgresServer, serving
from tests.fixtures.roles import MakeRole, acting_as
from tests.sql.client import Client
from tests.sql.conftest import LogIn
from tests.sql.refused import refused

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(file.stem for file in (ROOT / "sql" / "functions").glob("*/*.sql"))
FORBIDDEN = "42501"

FORBIDDEN_TO_ALL: list[LiteralString] = [
    "select * from tasks",
    "select env_vars from worker_groups",
    "select * from task_runs",
    "select * from run_output",
    "select * from task_files",
    "select * from tenant_roles",
    "select * from api_tokens",
    "select * from page_sessions",
    "select * from dispatchers",
    "select * from schema_migrations",
    "select digest from schema_definitions",
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
    "select acting_token()",
    "select lock_claims()",
    "select move_counters('{tool:claude}', '{-1}', '{}')",
    "select lease_tasks(null, 1)",
    "select tasks_inserted()",
    "set role llmctl_owner",
    "alter function submit_tasks security invoker",
]


def test_no_role_touches_a_table_or_an_inner_function(log_in: LogIn) -> None:
    sessions = [
        log_in(group, tenants=["acme"]) for group in ("producer", "reader", "operator", "dispatcher", "admin")
    ]
    for session in sessions:
        for statement in FORBIDDEN_TO_ALL:
            with refused(FORBIDDEN):
                session.run(statement)


def test_no_role_but_the_owners_has_a_privilege_on_any_relation_or_column(db: Client) -> None:
    """Neither PUBLIC nor one of ours: tables, sequences, views, and whatever a migration adds."""
    owners = "'{llmctl_owner}'::text [] || pg_get_userbyid(relowner)::text"
    of_ours = "from pg_class join pg_namespace on pg_namespace.oid = relnamespace and nspname = 'public'"
    assert db.value(f"select count(*) > 10 {of_ours} where relkind in ('r', 'S')")
    assert (
        db.rows(
            f"select relname, grantee::regrole, privilege_type {of_ours}, aclexplode(relacl)"
            f" where pg_get_userbyid(grantee)::text <> all({owners})"
        )
        == []
    )
    assert (
        db.rows(
            f"select relname, attname, grantee::regrole {of_ours} join pg_attribute on attrelid = pg_class.oid,"
            f" aclexplode(attacl) where pg_get_userbyid(grantee)::text <> all({owners})"
        )
        == []
    )


VIEWS = {
    "act_as", "capped_tools", "continued_tasks", "count_inbox", "count_tasks", "database_id", "end_session", "facets",
    "find_token", "inbox", "known_values",
    "list_active", "list_changes", "list_dispatchers", "list_files", "list_groups", "list_limits", "list_page",
    "list_runs", "list_schedules", "list_tasks", "list_workflows", "log_state", "metrics", "read_file", "read_output",
    "read_results", "schema_version", "show_graph", "show_task", "show_workflow", "start_session", "stats",
    "task_numbers", "task_states", "why_waiting",
}  # fmt: skip
SUBMITS = {
    "act_on_tasks", "answer_task", "approve_task", "cancel_task", "choose_try", "deny_task", "explain_refusal",
    "pause_schedule", "put_schedule", "remove_schedule", "reply_task", "resume_schedule", "retry_task",
    "run_schedule", "submit_task", "submit_tasks", "submit_tries",
}  # fmt: skip
CHECKS = {"check_counters", "check_tallies", "unserved_tasks"}
CONFIGURES = {"put_configured_schedules", "put_group", "put_hooks", "put_tool", "recover_lost"}
HOSTS = {"list_deliveries", "list_hooks", "note_gone", "reopen_group", "set_limit"}
OPERATES = {
    "clear_cooldown", "cool_down_group", "pause_group", "remove_limit", "resume_group", "retry_hook", "test_hook",
    *HOSTS,
}  # fmt: skip
STEERS = {
    "add_token", "change_group", "end_sessions", "grant_tenant", "list_tokens", "remove_group", "remove_token",
    "revoke_tenant",
}  # fmt: skip
DISPATCHES = {
    "adopt_runs", "append_output", "close_dispatcher", "close_groups", "count_prunable", "drain_dispatcher",
    "due_schedules", "end_idle_sessions", "find_dispatchers", "finish_delivery", "finish_runs", "fire_schedule",
    "has_work", "heartbeat", "holders_of", "input_files_of", "keep_change", "keep_pieces", "note_base", "open_runs",
    "prune_deliveries", "prune_lanes", "prune_output", "prune_sessions", "prune_tasks", "read_input", "read_prompt",
    "refuse_wanted", "register_dispatcher", "report_and_claim", "seconds_until_lost", "send_wanted", "settled_runs",
    "start_runs", "store_command_output",
    "store_output", "store_piece", "take_deliveries", "take_wanted", "unrecorded_runs", "unreferenced_files",
    "want_file", "wanted_files",
}  # fmt: skip


@pytest.mark.parametrize(
    ("group", "may"),
    [
        ("producer", VIEWS | SUBMITS),
        ("reader", VIEWS | CHECKS),
        ("operator", VIEWS | SUBMITS | CHECKS | OPERATES),
        ("dispatcher", VIEWS | CHECKS | CONFIGURES | DISPATCHES | HOSTS),
        ("admin", VIEWS | SUBMITS | CHECKS | CONFIGURES | OPERATES | STEERS),
    ],
)
def test_every_function_that_is_not_a_roles_own_is_refused_to_it(
    db: Client, log_in: LogIn, group: str, may: set[str]
) -> None:
    session = log_in(group, tenants=["acme"])
    allowed = db.rows(
        "select proname from schema_definitions, unnest(functions) as name join pg_proc on pg_proc.oid"
        " = name::regprocedure where has_function_privilege(%s, pg_proc.oid, 'execute')",
        session.value("select session_user"),
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
    acme.run("create function pg_temp.first_complaint(jsonb, jsonb) returns text language sql return null")
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
    assert agent.value("select read_input(%s, %s, 'in.txt', 6, 9)", me, run.id) == b"file"
    assert agent.value("select read_prompt(%s, %s, 0, 6)", me, run.id) == b"secret"
    agent.value("select store_piece(%s, %s, 'plan.md', 0, 'plan', 4)", me, run.id)
    digest = hashlib.sha256(b"plan").hexdigest()
    agent.value("select keep_pieces(%s, %s, 'plan.md', 4, %s, 420)", me, run.id, digest)
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
    admin.run("select change_group('main', 3)")
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
        with refused("LD400", "is not a valid tenant: expected"):
            db.run("select grant_tenant(%s, %s)", name, impossible)


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

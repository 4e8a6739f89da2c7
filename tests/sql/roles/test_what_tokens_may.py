"""Every function that some role may call, called as a token of each role: may it, and what does it tell of others?"""

import json
import re
from collections.abc import Mapping
from typing import LiteralString

import psycopg
import pytest

import sql
from tests.sql.client import Client
from tests.sql.roles.conftest import MakeToken, Token

ROLES = ("producer", "reader", "operator", "admin")
FORBIDDEN = "42501"


def granted() -> dict[str, set[str]]:
    """Which roles sql/grants.sql names for each function."""
    rules = re.search(r"c_rules CONSTANT jsonb := '(.*?)';", sql.grants().decode(), re.DOTALL)
    assert rules is not None
    return {name: set(rule["to"]) for rule in json.loads(rules[1]) for name in rule["functions"]}


GRANTED = granted()


def calls_without_values(db: Client) -> list[tuple[str, bytes]]:
    rows = db.rows(
        "select proname, format('select %%I(%%s)', proname, array_to_string(array("
        "    select 'null::' || format_type(type, null) from unnest(proargtypes) as type), ', '))"
        " from schema_definitions, unnest(functions) as name join pg_proc on pg_proc.oid = name::regprocedure"
        " where proname = any(%s)",
        list(GRANTED),
    )
    assert len(rows) == len(GRANTED)
    return [(str(name), str(call).encode()) for name, call in rows]


def refusal(session: Client, statement: bytes | LiteralString) -> psycopg.Error | None:
    """What the statement is refused with; whatever it does is undone."""
    try:
        with session.connection.transaction(force_rollback=True):
            session.connection.execute(statement)
    except psycopg.Error as error:
        return error
    return None


@pytest.mark.parametrize("acts_as", ROLES)
def test_a_token_calls_what_its_role_may_and_nothing_else(db: Client, token: MakeToken, acts_as: str) -> None:
    with token(acts_as).acting() as session:
        denied = {
            name
            for name, call in calls_without_values(db)
            if (error := refusal(session, call)) is not None
            and f"permission denied for function {name}" in str(error)
        }
    assert denied == {name for name, roles in GRANTED.items() if acts_as not in roles}


AIMED_AT_ANOTHER: Mapping[str, LiteralString] = {
    "act_as": "select * from act_as('zz')",
    "act_on_tasks": 'select * from act_on_tasks(\'retry\', \'{"tenant": "zz", "numbers": [1]}\')',
    "answer_task": "select answer_task('1', 'zz')",
    "approve_task": "select approve_task('1')",
    "choose_try": "select choose_try('1', '1')",
    "deny_task": "select deny_task('1', 'for all')",
    "inbox": 'select * from inbox() union all select * from inbox(\'{"tasks": ["1-9"]}\')',
    "submit_tries": 'select * from submit_tries(\'{"tool": "claude", "prompt": "p", "tenant_id": "zz"}\','
    " '[{}, {}]')",
    "find_token": "select * from find_token('zz')",
    "cancel_task": "select cancel_task('2')",
    "capped_tools": "select * from capped_tools()",
    "check_counters": "select * from check_counters()",
    "check_tallies": "select * from check_tallies()",
    "clear_cooldown": "select clear_cooldown('main')",
    "cool_down_group": "select cool_down_group('main', null, 'for all', 60)",
    "continued_tasks": "select * from continued_tasks('1')",
    "count_inbox": "select 1 from count_inbox() as waits where waits > 0",
    "count_tasks": "select * from count_tasks() union all select * from count_tasks('{\"numbers\": [1, 2, 4]}')",
    "database_id": "select 1 from database_id()",
    "end_session": "select end_session('zz')",
    "explain_refusal": 'select explain_refusal(\'[{"tool": "claude", "prompt": "p", "tenant_id": "zz"}]\')',
    "facets": 'select * from facets() union all select * from facets(\'{"queue": "zz"}\')',
    "known_values": "select * from unnest('{task,group,account,tool,tenant,queue,model,name,workflow,label,label_key}'"
    "::text []) as kind, known_values(kind)",
    "list_active": "select * from list_active()",
    "list_changes": "select * from list_changes('{1}')",
    "list_deliveries": "select * from list_deliveries('zz')",
    "list_dispatchers": "select * from list_dispatchers()",
    "list_files": "select * from list_files('1')",
    "list_groups": "select * from list_groups()",
    "list_hooks": "select * from list_hooks()",
    "list_limits": "select * from list_limits()",
    "list_page": "select * from list_page() union all select * from list_page('{\"numbers\": [1, 2, 4]}')",
    "list_runs": "select * from list_runs('1')",
    "list_schedules": "select * from list_schedules() union all select * from list_schedules('zz', 'zz')",
    "list_tasks": 'select * from list_tasks() union all select * from list_tasks(\'{"tasks": ["1-9"]}\')',
    "list_workflows": "select * from list_workflows() union all select * from list_workflows('zz')",
    "log_state": "select * from log_state('1')",
    "metrics": "select metrics()",
    "note_gone": "select note_gone(gen_random_uuid(), database_id(), 'boot')",
    "pause_group": "select pause_group('main', 'for all')",
    "pause_schedule": "select pause_schedule('zz', 'for all')",
    "put_schedule": 'select put_schedule(\'zz\', \'* * * * *\', \'{"tool": "claude", "prompt": "p"}\','
    " p_tenant => 'zz')",
    "read_file": "select * from read_file('1', 'zz.txt')",
    "read_output": "select * from read_output('1', 1, 'stdout')",
    "read_results": "select * from read_results('{1}')",
    "remove_limit": "select remove_limit('tenant:zz')",
    "remove_schedule": "select remove_schedule('zz')",
    "reopen_group": "select reopen_group('main')",
    "reply_task": "select * from reply_task('1', 'and what did they say?')",
    "resume_group": "select resume_group('main')",
    "retry_hook": "select retry_hook('zz')",
    "resume_schedule": "select resume_schedule('zz')",
    "retry_task": "select retry_task('1')",
    "run_schedule": "select * from run_schedule('zz')",
    "schema_version": "select number from schema_version()",
    "set_limit": "select set_limit('tenant:zz', 5)",
    "show_graph": "select show_graph('1')",
    "show_task": "select show_task('1')",
    "show_workflow": "select show_workflow('zz')",
    "start_session": "select start_session('zz', 'zz')",
    "stats": "select * from stats('tenant') cross join stats('model') as of_models"
    " cross join stats('label:zz') as by_label",
    "submit_task": "select * from submit_task('claude', 'p', p_tenant_id => 'zz')",
    "submit_tasks": 'select * from submit_tasks(\'[{"tool": "claude", "prompt": "p", "tenant_id": "zz"}]\')',
    "task_numbers": "select task_numbers('{}') union all select task_numbers('{\"tasks\": [\"1-9\"]}')",
    "task_states": "select * from task_states('{1}')",
    "test_hook": "select test_hook('zz')",
    "unserved_tasks": "select * from unserved_tasks()",
    "why_waiting": "select why_waiting('4')",
}
"""For each function that a confined token may call, a call that asks for as much of tenant zz as it can."""

SECRETS = ("env:ZZKEY", "ZZ_VARIABLE", "/zz-logins")


@pytest.fixture
def others(db: Client) -> None:
    """Of tenant zz, task 1 has ended, 2 runs, and no group could ever take 4; task 3 of acme waits."""
    variables = '{"ZZ_VARIABLE": "env:ZZKEY"}'
    db.run("select put_group('main', 'claude', 'main', 9, %s, '/zz-logins/main')", variables)
    db.run("select put_tool('odd')")
    db.group("idle", tool="odd", slots=0)
    hook = '[{"name": "zz", "kind": "command", "target": "zz", "events": ["task.started"]}]'
    db.run("select put_hooks('here', %s)", hook)
    zz = {
        "tenant_id": "zz",
        "queue": "zz",
        "model": "zz-model",
        "name": "zz-name",
        "workflow": "zz",
        "labels": {"zz": "zz"},
    }
    me = db.dispatcher()
    db.submit("zz secret", **zz, input_files=[{"path": "zz.txt", "content": "zz"}])
    [run] = db.claim(me).runs
    db.finish(me, run, final_text="zz answer", session_id="5e55-zz", cost_usd=3)
    db.submit("zz runs", **zz)
    db.claim(me)
    db.submit("mine", tenant_id="acme", name="mine")
    db.submit("zz unserved", tool="odd", tenant_id="zz")
    db.run(
        "select put_schedule('zz', '0 0 1 1 *', '{\"tool\": \"claude\", \"prompt\": \"zz\"}', p_tenant => 'zz')"
    )
    db.limit("tenant:zz", 5)
    db.run("update concurrency_limits set current_concurrent = 4 where scope = 'tenant:zz'")


def of_zz(db: Client) -> list[tuple[object, ...]]:
    return db.rows(
        "select to_jsonb(t) from tasks as t where tenant_id = 'zz' union all"
        " select to_jsonb(s) from schedules as s union all"
        " select to_jsonb(l) from concurrency_limits as l where scope = 'tenant:zz' order by 1"
    )


def told(token: Token, role: str) -> tuple[dict[str, str], dict[str, str | None]]:
    """What each call answers that the role may make; and by SQLSTATE, which of them are refused."""
    answers: dict[str, str] = {}
    refusals: dict[str, str | None] = {}
    for name, statement in AIMED_AT_ANOTHER.items():
        if role in GRANTED[name]:
            try:
                answers[name] = str(token.rows(statement))
            except psycopg.Error as error:
                refusals[name] = error.sqlstate
    return answers, refusals


@pytest.mark.parametrize("acts_as", ["producer", "reader", "operator"])
@pytest.mark.usefixtures("others")
def test_a_confined_token_neither_learns_nor_changes_anything_of_another_tenant(
    db: Client, token: MakeToken, acts_as: str
) -> None:
    before = of_zz(db)
    answers, refusals = told(token(acts_as, ["acme"]), acts_as)
    assert set(refusals.values()) <= {"LD401", "LD404", FORBIDDEN}
    assert {name for name, answer in answers.items() if "zz" in answer.lower()} == set()
    assert of_zz(db) == before
    assert len(before) == 5
    assert "mine" in answers["list_tasks"]


@pytest.mark.parametrize("acts_as", ["producer", "reader", "operator", "admin"])
@pytest.mark.usefixtures("others")
def test_only_an_admins_token_sees_how_an_account_proves_who_it_is(
    db: Client, token: MakeToken, acts_as: str
) -> None:
    answers = str(told(token(acts_as), acts_as))
    assert "zz-name" in answers
    assert {secret for secret in SECRETS if secret in answers} == (
        set(SECRETS) if acts_as == "admin" else set()
    )


def test_each_function_that_a_confined_token_may_call_is_tried() -> None:
    may = {name for name, roles in GRANTED.items() if roles & {"producer", "reader", "operator"}}
    assert may == AIMED_AT_ANOTHER.keys()


@pytest.mark.usefixtures("others")
def test_a_confined_token_counts_its_own_tasks_only(token: MakeToken) -> None:
    reader = token("reader", ["acme"])
    assert reader.rows("select * from check_counters()") == []
    assert reader.rows("select * from unserved_tasks()") == []
    assert reader.rows("select sum(tasks) from count_tasks()") == [(1,)]
    assert reader.rows("select queued from list_groups() where group_name = 'main'") == [(1,)]
    assert token("reader").rows("select tool, account, tasks from unserved_tasks()") == [("odd", None, 1)]


@pytest.mark.usefixtures("others")
def test_a_confined_operator_sets_the_limits_of_its_own_tenant_and_of_what_all_share(
    db: Client, token: MakeToken
) -> None:
    operator = token("operator", ["acme"], name="night")
    for call in ("select set_limit('tenant:zz', 1)", "select remove_limit('tenant:zz')"):
        with pytest.raises(
            psycopg.errors.InsufficientPrivilege, match="token 'night' may not act for tenant 'zz'"
        ):
            operator.rows(call)
    operator.rows("select set_limit('tenant:acme', 1)")
    operator.rows("select set_limit('tool:claude', 7)")
    operator.rows("select pause_group('main')")
    limits = "select max_concurrent from concurrency_limits where scope in ('tenant:acme', 'tool:claude') order by 1"
    assert db.rows(limits) == [(1,), (7,)]
    operator.rows("select remove_limit('tenant:acme')")
    assert db.value("select count(*) from concurrency_limits where scope = 'tenant:acme'") == 0
    assert db.value("select paused from worker_groups where group_name = 'main'") is True

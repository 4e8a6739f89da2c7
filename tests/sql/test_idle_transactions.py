"""Whoever calls a function in a transaction and then idles holds up no report and no claim for longer than a bound."""

import select

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client, Run
from tests.sql.concurrently import PATIENCE_S
from tests.sql.test_roles import HOSTS, OPERATES, SUBMITS

OF_PRODUCERS = {
    "act_on_tasks cancels": 'select act_on_tasks(\'cancel\', \'{"tasks": ["$runs", "$waits"]}\')',
    "act_on_tasks holds": "select act_on_tasks('hold', '{\"tasks\": [\"$waits\"]}')",
    "act_on_tasks tries again": "select act_on_tasks('retry', '{\"states\": [\"failed\"]}')",
    "answer_task": "select answer_task('$asks', 'that')",
    "approve_task": "select approve_task('$unapproved')",
    "cancel_task": "select cancel_task('$runs')",
    "cancel_task of a try": "select cancel_task('$try')",
    "cancel_task that waits": "select cancel_task('$waits')",
    "choose_try": "select choose_try('$judge', '$finished try')",
    "deny_task": "select deny_task('$unapproved', 'no')",
    "explain_refusal": 'select explain_refusal(\'[{"tool": "claude", "prompt": "x"}]\')',
    "pause_schedule": "select pause_schedule('nightly')",
    "put_schedule": 'select put_schedule(\'other\', \'@daily\', \'{"tool": "claude", "prompt": "x"}\')',
    "remove_schedule": "select remove_schedule('nightly')",
    "reply_task": "select * from reply_task('$done', 'more')",
    "resume_schedule": "select resume_schedule('nightly')",
    "retry_task": "select retry_task('$failed')",
    "run_schedule": "select * from run_schedule('nightly')",
    "submit_task": "select * from submit_task('claude', 'x', p_idempotency_key => 'k')",
    "submit_tasks": 'select * from submit_tasks(\'[{"tool": "claude", "prompt": "x"}]\')',
    "submit_tries": 'select * from submit_tries(\'{"tool": "claude", "prompt": "x"}\', \'[{}, {}]\')',
    "metrics": "select metrics()",
    "facets": "select facets()",
}
OF_HOOKS = {
    "list_deliveries": "select list_deliveries('desk')",
    "list_hooks": "select list_hooks()",
    "retry_hook": "select retry_hook('desk')",
    "test_hook": "select test_hook('desk')",
}
OF_OPERATORS = {
    "clear_cooldown": "select clear_cooldown('main')",
    "cool_down_group": "select cool_down_group('main', null, 'busy', 60)",
    "note_gone": "select note_gone(gen_random_uuid(), database_id(), 'boot')",
    "pause_group": "select pause_group('main', 'busy')",
    "remove_limit": "select remove_limit('queue:other')",
    "reopen_group": "select reopen_group('main')",
    "resume_group": "select resume_group('main')",
    "set_limit": "select set_limit('queue:other', 40)",
    "put_group": "select put_group('second', 'claude', 'second', 3)",
    "change_group": "select change_group('main', 40)",
    "remove_group": "select remove_group('unused')",
}


class Stage:
    """A dispatcher with runs, and tasks in all other states that a function may be called for, by their names."""

    def __init__(self, db: Client) -> None:
        self.db = db
        db.group("main", slots=50)
        db.group("unused", account="unused", slots=1)
        db.limit("tool:claude", 50)
        db.limit("queue:other", 50)
        self.me = db.dispatcher()
        self.named = {
            name: db.submit(max_attempts=1, approve=name == "unapproved", account="main").number
            for name in ("failed", "asks", "done", "unapproved")
        }
        failed, asks, *succeeded = db.claim(self.me).runs
        db.finish(self.me, failed, "agent_error", ran_s=1)
        db.finish(self.me, asks, "question", question="which?", session_id="s1", ran_s=1)
        for run in succeeded:
            db.finish(self.me, run, final_text="x", session_id=f"s-{run.number}", ran_s=1)
        self.named["runs"] = db.submit(account="main").number
        self.runs = [*db.claim(self.me).runs]
        rows = db.rows("""select number from submit_tries('{"tool": "claude", "prompt": "x"}', '[{}, {}]')""")
        self.runs += [*db.claim(self.me).runs]
        self.named["try"] = int(str(rows[0][0]))
        judged = """select number from submit_tries('{"tool": "claude", "prompt": "x"}', '[{}, {}]', 'judge', '{}')"""
        self.named["finished try"], _, self.named["judge"] = (int(str(row[0])) for row in db.rows(judged))
        db.submit(account="main")
        self.runs += [*db.claim(self.me).runs]
        db.start(self.me, *self.runs)
        [finished] = (run for run in self.runs if run.number == self.named["finished try"])
        self.runs.remove(finished)
        assert db.finish(self.me, finished, final_text="x", ran_s=1) == "finished"
        self.named["waits"] = db.submit(delay_s=3600).number
        db.run('select put_schedule(\'nightly\', \'@daily\', \'{"tool": "claude", "prompt": "x"}\')')
        desk = [{"name": "desk", "kind": "command", "target": "x", "events": ["task.finished"]}]
        db.run("select put_hooks('host', %s)", Jsonb(desk))
        db.run("set statement_timeout = '20s'")

    def sql(self, call: str) -> str:
        for name, number in self.named.items():
            call = call.replace(f"${name}", str(number))
        return call

    def report(self, run: Run) -> str:
        report = {"run_id": str(run.id), "final_text": "x", "session_id": "s", "ran_s": 1}
        verdicts = self.db.value("select report_and_claim(%s, %s, 1) -> 'verdicts'", self.me, Jsonb([report]))
        assert isinstance(verdicts, dict)
        return str(verdicts[str(run.id)])


@pytest.fixture
def stage(db: Client) -> Stage:
    return Stage(db)


def test_every_function_that_may_change_something_has_a_call_here() -> None:
    called = {name.split()[0] for name in OF_PRODUCERS | OF_HOOKS | OF_OPERATORS}
    assert called >= SUBMITS | OPERATES | HOSTS | {"put_group", "change_group", "remove_group"}


@pytest.mark.parametrize("name", OF_PRODUCERS | OF_HOOKS)
def test_a_producer_that_idles_holds_up_only_the_reports_of_what_it_changed(stage: Stage, name: str) -> None:
    idle = stage.db.another()
    idle.run("set llmctl.longest_idle = '1h'")
    idle.run("begin")
    idle.connection.execute(stage.sql((OF_PRODUCERS | OF_HOOKS)[name]).encode())
    stage.db.run("set statement_timeout = '3s'")

    number = stage.db.submit(queue="late").number
    held = [run for run in stage.runs if stage.report(run) == "held"]
    expected = set[int]()
    if name in ("act_on_tasks cancels", "cancel_task"):
        expected = {stage.named["runs"]}
    elif name == "cancel_task of a try":
        expected = {run.number for run in stage.runs[1:3]}
    elif name == "choose_try":
        expected = {run.number for run in stage.runs if run.number == stage.named["finished try"] + 1}
    assert {run.number for run in held} == expected
    assert stage.db.status(number) == ("leased", None), "the claims went on"
    assert stage.db.value("select why_waiting(%s)", str(stage.named["waits"])) is not None
    stage.db.value("select heartbeat(%s)", stage.me)

    idle.run("rollback")
    assert [stage.report(run) for run in held] == ["finished"] * len(held)
    assert stage.db.drift() == []


@pytest.mark.parametrize("name", [*sorted(OF_OPERATORS.keys() - {"note_gone"}), "cancel_task"])
def test_the_server_ends_a_transaction_that_idles_on_what_reports_need(stage: Stage, name: str) -> None:
    idle = stage.db.another()
    idle.run("set llmctl.longest_idle = '200ms'")
    idle.run("begin")
    idle.connection.execute(stage.sql((OF_OPERATORS | OF_PRODUCERS)[name]).encode())

    while (verdict := stage.report(stage.runs[0])) == "held":
        pass
    assert verdict == "finished"
    assert stage.db.value("select status from tasks where number = %s", stage.named["runs"]) == "succeeded"
    select.select([idle.connection], [], [], PATIENCE_S)  # the server says that it ends the session
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        idle.run("commit")
    assert stage.db.drift() == []


def test_a_stricter_limit_of_a_session_stays_and_ours_ends_with_the_transaction(stage: Stage) -> None:
    session = stage.db.another()
    limit = "select current_setting('idle_in_transaction_session_timeout')"
    for own, within in (("0", "30s"), ("5s", "5s"), ("10min", "30s")):
        session.run("select set_config('idle_in_transaction_session_timeout', %s, false)", own)
        session.run("begin")
        session.run("select cancel_task(%s)", str(stage.named["runs"]))
        assert session.value(limit) == within
        session.run("rollback")
        assert session.value(limit) == own
    session.run("begin")
    session.submit()
    session.run("select cancel_task(%s)", str(stage.named["waits"]))
    assert session.value(limit) == "10min", "that needs no report"
    session.run("rollback")


def test_whoever_holds_a_task_or_what_a_claim_waits_for_is_found_and_ended_if_idle(stage: Stage) -> None:
    idle, waits = stage.db.another(), stage.db.another()
    idle.run("set application_name = 'nightly import'")
    idle.run("begin")
    idle.run("select from tasks where number = %s for update", stage.named["runs"])
    pid = idle.connection.info.backend_pid
    runs = [run.id for run in stage.runs]
    assert stage.db.value("select holders_of(%s, %s, '{}')", stage.me, runs) == [pid]

    # Behind the insert of a file, the row names a group of transactions.
    idle.run("rollback")
    idle.run("begin")
    idle.run("select cancel_task(%s)", str(stage.named["runs"]))
    waits.run("begin")
    waits.run("select from tasks where number = %s for key share", stage.named["runs"])
    found = stage.db.value("select holders_of(%s, %s, '{}')", stage.me, runs)
    assert isinstance(found, list)
    assert sorted(found) == sorted([pid, waits.connection.info.backend_pid])
    waits.run("rollback")

    [row] = stage.db.rows("select who, state, ended from end_idle_sessions(%s, 3600)", [pid])
    assert (row[1:], "nightly import" in str(row[0])) == (("idle in transaction", False), True)
    [row] = stage.db.rows("select ended from end_idle_sessions(%s, 0)", [pid])
    assert row == (True,)
    while stage.report(stage.runs[0]) == "held":
        pass
    with pytest.raises(psycopg.OperationalError):
        idle.run("commit")


def test_the_last_in_a_line_of_those_that_wait_is_the_holder(stage: Stage) -> None:
    idle, waits = stage.db.another(), stage.db.another()
    idle.run("begin")
    idle.run("select from worker_groups where group_name = 'main' for update")
    waits.connection.execute("set statement_timeout = 0")
    pid = waits.connection.info.backend_pid
    waits.connection.pgconn.send_query(b"update worker_groups set paused = false where group_name = 'main'")
    while not stage.db.value("select cardinality(pg_blocking_pids(%s)) > 0", pid):
        pass
    holder = idle.connection.info.backend_pid
    assert stage.db.value("select holders_of(%s, '{}', %s)", stage.me, [pid]) == [holder]
    idle.run("rollback")
    waits.connection.pgconn.get_result()

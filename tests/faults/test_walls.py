"""An error in one run, one service or one signal reaches nothing else."""

import os
import select
import signal
from collections.abc import Sequence

import pytest

from dispatcher.host.cgroups import parent_of_runs
from tests.fixtures.dispatchers import Dispatcher, Site
from tests.fixtures.faults import with_fault

FAILED = "failed unexpectedly"


def parser_that_raises(method: str) -> Sequence[str]:
    """Return a prefix for a dispatcher whose text parser raises in this method after the word poison was printed."""
    return with_fault(f"""
from wrappers.command.parser import TextParser
original = TextParser.{method}
def poisoned(self, given):
    answer = original(self, given)
    if b"poison" in self._answer:
        raise ZeroDivisionError("poisoned")
    return answer
TextParser.{method} = poisoned
""")


def unreadable_records() -> Sequence[str]:
    """Return a prefix for a dispatcher that raises as soon as it looks at the record of an adopted run."""
    return with_fault("""
from dispatcher.workspaces import run_record
async def read_settled(directory):
    raise ZeroDivisionError("at once")
run_record.read_settled = read_settled
""")


def assert_alive(dispatcher: Dispatcher) -> None:
    assert dispatcher.process.poll() is None, dispatcher.story()


def traces(dispatcher: Dispatcher) -> str:
    return "".join(str(entry["exception"]) for entry in dispatcher.log(FAILED))


def test_a_tool_that_prints_numbers_without_end_costs_nobody_anything(site: Site) -> None:
    site.configure(
        "tools",
        counting={
            "argv": ["sh", "{prompt_file}"],
            "output": "json",
            "answer": "answer",
            "input_tokens": "tokens",
            "cost_usd": "cost",
        },
    )
    site.configure("groups", counting={"tool": "counting"})
    numbers = {
        digits: site.submit(
            f"""echo '{{"answer": "done", "tokens": {digits}, "cost": {digits}}}'""", "counting"
        )
        for digits in ("9" * 400, "9" * 5_000, "9223372036854775807", "1e400", "-1", "NaN", "1e300", "12")
    }
    other = site.submit("echo done")

    site.run()

    site.wait_for("succeeded", other, *numbers.values())
    told = {digits: site.runs(number)[0] for digits, number in numbers.items()}
    assert {digits[:3] for digits, run in told.items() if run["input_tokens"] is not None} == {"12"}
    assert {digits[:3] for digits, run in told.items() if run["cost_usd"] is not None} == {"12"}


def test_a_session_that_no_database_can_store_costs_no_result(site: Site) -> None:
    site.configure(
        "tools",
        talking={"argv": ["cat"], "output": "json", "answer": "answer", "session": "session"},
    )
    site.configure("groups", talking={"tool": "talking"})
    names = [r"a\u0000b", r"\ud800", "x" * 3_000_000]
    numbers = [site.submit(f'{{"answer": "done", "session": "{name}"}}', "talking") for name in names]

    site.run()

    site.wait_for("succeeded", *numbers)


@pytest.mark.parametrize("method", ["feed_stdout", "finish"])
def test_an_error_in_a_run_ends_that_run_and_frees_its_slot(site: Site, method: str) -> None:
    site.configure("groups", sh={"max_concurrent": 2})
    gate = site.gate()
    beside = site.submit(f"{gate.pass_through}; echo done")
    dispatcher = site.start(prefix=parser_that_raises(method))
    ending = "exec sleep 1000" if method == "feed_stdout" else "true"
    number = site.submit(f"echo poison; echo words >&2; {ending}", max_attempts=1)
    site.wait_for("failed", number)
    after = site.submit("echo done")
    site.wait_for("succeeded", after)
    gate.open()
    site.wait_for("succeeded", beside)

    (run,) = site.runs(number)
    assert run["error_class"] == "agent_error"
    assert "ZeroDivisionError: poisoned" in run["error_message"]
    assert "\n" not in run["error_message"]
    assert (run["stdout_trunc"], run["stderr"]) == ("poison\n", "words\n")
    assert "poisoned\n" in traces(dispatcher)
    assert site.agents() == []
    assert site.sql("SELECT * FROM check_counters()") == []
    assert_alive(dispatcher)


def test_an_error_in_an_adopted_run_is_reported_once_and_nothing_of_the_run_lives_on(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo done", max_attempts=1)
    first = site.start()
    site.wait_for("running", number)
    first.kill()

    dispatcher = site.start(prefix=unreadable_records())

    site.wait_for("failed", number)
    assert "at once" in site.task(number)["error_message"]
    assert site.agents() == []
    gate.open()
    site.wait_for("succeeded", site.submit("echo done"))
    assert_alive(dispatcher)


@pytest.mark.skipif(parent_of_runs() is None, reason="no control group can be made here")
def test_an_error_before_the_record_of_an_adopted_run_is_read_leaves_nothing_in_its_control_group(
    site: Site,
) -> None:
    os.mkfifo(site.directory / "hidden")
    number = site.submit(
        "env -i /bin/sh -c 'echo $$ >$1; exec sleep 1000' sh $SITE/hidden & wait", max_attempts=1
    )
    first = site.start()
    hidden = os.pidfd_open(int((site.directory / "hidden").read_text()))
    first.kill()

    site.start(prefix=unreadable_records())
    site.wait_for("failed", number)

    has_ended, _, _ = select.select([hidden], [], [], 0)
    os.close(hidden)
    assert has_ended


def test_a_secret_that_an_error_names_is_not_logged(site: Site) -> None:
    site.configure("groups", sh={"env": {"SITE": str(site.directory), "KEY": "env:GIVEN"}})
    failing = with_fault("""
from wrappers.command.parser import TextParser
def finish(self, ending):
    raise ValueError(f"cannot read {self._answer.decode()}")
TextParser.finish = finish
""")
    number = site.submit("echo $KEY", max_attempts=1)

    dispatcher = site.start(prefix=failing, env={"GIVEN": "sk-0123456789abcdef"})

    site.wait_for("failed", number)
    assert "cannot read ***" in site.task(number)["error_message"]
    assert "cannot read ***" in traces(dispatcher)
    assert "sk-0123456789abcdef" not in dispatcher.story()


def allow_any_permission(site: Site) -> None:
    site.sql("ALTER TABLE tasks DROP CONSTRAINT tasks_permission_check")


def test_a_task_that_nobody_can_read_fails_alone(site: Site) -> None:
    allow_any_permission(site)
    before, bad, after = (site.submit("echo done", max_attempts=3) for _ in range(3))
    site.sql("UPDATE tasks SET permission = 'everything' WHERE number = %s", bad)

    dispatcher = site.run()

    site.wait_for("succeeded", before, after)
    task = site.task(bad)
    assert (task["status"], task["error_class"]) == ("failed", "invalid_request")
    assert "everything" in task["error_message"]
    assert "$.permission" in task["error_message"]
    assert dispatcher.log("a task cannot be read", task=bad)
    assert site.sql("SELECT * FROM check_counters()") == []


def test_a_run_that_became_unreadable_is_ended_by_the_next_dispatcher(site: Site) -> None:
    gate = site.gate()
    bad, good = (site.submit(f"{gate.pass_through}; echo done") for _ in range(2))
    first = site.start()
    site.wait_for("running", bad, good)
    first.kill()
    allow_any_permission(site)
    site.sql("UPDATE tasks SET permission = 'everything' WHERE number = %s", bad)

    site.start()

    site.wait_for("failed", bad)
    gate.open()
    site.wait_for("succeeded", good)
    assert site.agents() == []


def test_a_task_that_cannot_be_given_a_place_fails_alone(site: Site) -> None:
    bad, good = site.submit("echo done"), site.submit("echo done")
    homeless = with_fault(f"""
from dispatcher.workspaces.work_directory import WorkDirectory
original = WorkDirectory.workspace
def workspace(self, number, *others):
    if number == {bad}:
        raise ZeroDivisionError("no place")
    return original(self, number, *others)
WorkDirectory.workspace = workspace
""")

    site.start(prefix=homeless)

    site.wait_for("succeeded", good)
    site.wait_for("failed", bad)
    assert "no place" in site.task(bad)["error_message"]


def failing(method: str, times: int) -> str:
    """Return code that makes a method, such as `module:Class.method`, raise so many times before it works."""
    place, _, name = method.partition(":")
    owner, _, name = name.partition(".")
    return f"""
import inspect
from {place} import {owner}
original, left = {owner}.{name}, [{times}]
def fail():
    if left[0]:
        left[0] -= 1
        raise ZeroDivisionError("a fault of {name}")
if inspect.iscoroutinefunction(original):
    async def faulty(*arguments, **keywords):
        fail()
        return await original(*arguments, **keywords)
else:
    def faulty(*arguments, **keywords):
        fail()
        return original(*arguments, **keywords)
{owner}.{name} = faulty
"""


@pytest.mark.parametrize(
    "method",
    [
        "dispatcher.run.output.output_store:OutputStore._deliver",
        "dispatcher.host.linux:DirectoryWatch.run",
        "dispatcher.loop.cleanup:Cleanup._discard_leftovers",
        "dispatcher.loop.cleanup:Cleanup.ended",
        "dispatcher.loop.cleanup:Cleanup.reported",
        "dispatcher.run.sweeping:Sweeper.finish",
        "dispatcher.run.sweeping:Sweeper.over",
        "dispatcher.run.sweeping:Sweeper.look_for_leftovers",
        "dispatcher.loop.retention:Retention._prune",
        "sql:dispatcher_calls.recover_lost",
    ],
)
def test_a_service_that_fails_begins_again_and_holds_nothing_up(site: Site, method: str) -> None:
    # More than the report can carry: the run waits until its output is stored.
    number = site.submit("head -c 300000 /dev/zero | tr '\\0' x; echo; echo done")
    dispatcher = site.start(prefix=with_fault(failing(method, times=1)))

    site.wait_for("succeeded", number)
    dispatcher.wait_for(FAILED)
    site.wait_for("succeeded", site.submit("echo done"))

    query = "SELECT sum(length(content)) AS size FROM run_output JOIN tasks USING (run_id) WHERE number = %s"
    [stored] = site.sql(query, number)
    assert stored["size"] == 300_006
    dispatcher.signal(signal.SIGTERM)
    assert dispatcher.wait() == 0


def test_what_agents_leave_behind_is_killed_although_a_look_for_it_failed(site: Site) -> None:
    fault = site.directory / "fault"
    broken = with_fault(f"""
import os
from dispatcher.run import sweeping
from dispatcher.host import cgroups
def once(original):
    def call(*arguments):
        if os.path.exists({str(fault)!r}):
            os.unlink({str(fault)!r})
            raise ZeroDivisionError("cannot look")
        return original(*arguments)
    return call
cgroups.kill, sweeping.kill_left_over = once(cgroups.kill), once(sweeping.kill_left_over)
""")
    dispatcher = site.start(prefix=broken)
    leaving = "setsid sleep 1000 >/dev/null 2>&1 & echo done"
    site.wait_for("succeeded", site.submit(leaving))
    dispatcher.wait_for(
        "killed what an agent left behind"
    )  # so the look at the start of the dispatcher is over
    site.wait_for("succeeded", site.submit(f"touch {fault}; {leaving}"))

    dispatcher.wait_for("killed what an agent left behind", times=2)

    assert dispatcher.log(FAILED, what="killing leftovers")
    assert site.agents() == []


def test_output_that_cannot_be_read_is_lost_alone(site: Site) -> None:
    gate = site.gate()
    bad, good = (site.submit(f"echo {word}; {gate.pass_through}; echo done") for word in ("poison", "fine"))
    broken = with_fault("""
from dispatcher.run.output.masking import Masking
original = Masking.beginning
def beginning(self, raw, *, final):
    if b"poison" in raw:
        raise ZeroDivisionError("cannot be masked")
    return original(self, raw, final=final)
Masking.beginning = beginning
""")
    dispatcher = site.start(prefix=broken)
    dispatcher.wait_for(FAILED, what="reading output")
    gate.open()
    site.wait_for("succeeded", good)
    site.wait_until(lambda: site.task(bad)["error_class"])

    (stored,) = site.sql("SELECT string_agg(convert_from(content, 'UTF8'), '') AS text FROM run_output")
    assert stored["text"] == "fine\ndone\n"
    assert_alive(dispatcher)


def test_cancels_are_obeyed_although_obeying_one_failed(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo done")
    dispatcher = site.start(
        prefix=with_fault(failing("dispatcher.loop.active_runs:ActiveRuns.stop_canceled", 1))
    )
    site.wait_for("running", number)

    site.cancel(number)

    site.wait_for("canceled", number)
    assert dispatcher.log(FAILED, what="obeying cancels")
    site.wait_for("succeeded", site.submit("echo done"))


@pytest.mark.parametrize(
    "content", ["[" * 100_000, "groups: {sh: {tool: sh, max_concurrent: " + "9" * 5_000 + "}}", "\x00\ud800"]
)
def test_a_file_that_cannot_be_read_at_a_hang_up_leaves_the_old_configuration_in_force(
    site: Site, content: str
) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    (site.directory / "config.yaml").write_bytes(content.encode(errors="surrogatepass"))

    dispatcher.signal(signal.SIGHUP)

    dispatcher.wait_for("the configuration is not taken over")
    site.wait_for("succeeded", site.submit("echo done"))
    site.write_config()
    dispatcher.signal(signal.SIGHUP)
    dispatcher.wait_for("configuration taken over")
    dispatcher.signal(signal.SIGTERM)
    assert dispatcher.wait() == 0


def test_a_signal_whose_obeying_fails_is_obeyed_the_next_time(site: Site) -> None:
    dispatcher = site.start(prefix=with_fault(failing("dispatcher.loop.service:EventLoop.reload", times=1)))
    dispatcher.wait_for("dispatcher started")

    dispatcher.signal(signal.SIGHUP)
    dispatcher.wait_for(FAILED, what="obeying a signal")

    dispatcher.signal(signal.SIGHUP)
    dispatcher.wait_for("configuration taken over", times=2)
    dispatcher.signal(signal.SIGTERM)
    assert dispatcher.wait() == 0


def test_files_may_have_any_name_whatever_the_locale(site: Site) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    content = "aGVsbG8="
    number = site.submit(
        "cat 'ünï 日本.txt'; cp 'ünï 日本.txt' 'größe'",
        input_files=[{"path": "ünï 日本.txt", "content_base64": content}],
        output_files=["größe"],
    )

    site.run(env=ascii_only)

    result = site.task(number)["result"]
    assert (result["text"], result["output_files"]) == ("hello", ["größe"])

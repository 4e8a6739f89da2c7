"""Output is in the database while the agent runs, byte for byte, and costs little."""

from pathlib import Path

import psycopg

from tests.dispatcher.run.printed import printed
from tests.fixtures.dispatchers import Dispatcher, Site


def test_lines_arrive_while_the_agent_runs(site: Site) -> None:
    gate, second_gate = site.gate(), site.gate("second")
    number = site.submit(
        f"echo one; {gate.pass_through}; echo two; echo warning >&2; {second_gate.pass_through}; printf three"
    )
    dispatcher = site.start("--until-empty")

    site.wait_until(lambda: printed(site, number) == b"one\n")
    gate.open()
    site.wait_until(lambda: printed(site, number) == b"one\ntwo\n")
    site.wait_until(lambda: printed(site, number, "stderr") == b"warning\n")
    assert site.task(number)["status"] == "running"
    second_gate.open()

    assert dispatcher.wait() == 0
    assert printed(site, number) == b"one\ntwo\nthree"
    (run,) = site.runs(number)
    assert (run["stdout_bytes"], run["stdout_stored"], run["stderr_bytes"]) == (13, 13, 8)
    assert run["started_at"] <= run["last_activity_at"] <= run["finished_at"]


def test_every_byte_is_kept_as_it_was_printed(site: Site) -> None:
    """NUL, escape sequences, invalid UTF-8, and a character that is cut in two."""
    gate = site.gate()
    number = site.submit(f"printf '\\0\\033[31mred\\377 \\303'; {gate.pass_through}; printf '\\244\\303'")
    dispatcher = site.start("--until-empty")

    site.wait_until(lambda: printed(site, number) == b"\0\x1b[31mred\xff \xc3")
    gate.open()

    assert dispatcher.wait() == 0
    assert printed(site, number) == b"\0\x1b[31mred\xff \xc3\xa4\xc3"
    assert site.runs(number)[0]["stdout_trunc"] == "\ufffd\x1b[31mred\ufffd ä\ufffd"


def test_a_run_s_log_goes_on_without_gap_or_double_when_another_dispatcher_adopts_it(site: Site) -> None:
    gate, second_gate = site.gate(), site.gate("second")
    some = 'for i in $(seq {} {}); do echo "line $i ä"; sleep 0.005; done'
    number = site.submit(
        f"{some.format(1, 200)}; {gate.pass_through}; {some.format(201, 300)}; {second_gate.pass_through}; printf end"
    )
    first = site.start()
    site.wait_until(lambda: b"line 50 " in printed(site, number))
    first.kill()
    gate.open()

    second = site.start("--until-empty")
    site.wait_until(lambda: b"line 300 " in printed(site, number))
    second_gate.open()

    assert second.wait() == 0
    assert printed(site, number).decode() == "".join(f"line {i} ä\n" for i in range(1, 301)) + "end"
    assert site.task(number)["result"]["text"].startswith("line 1 ä\n")


def test_output_of_an_agent_that_ended_while_no_dispatcher_ran_is_kept(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"echo before; {gate.pass_through}; echo after; touch $SITE/done")
    first = site.start()
    site.wait_until(lambda: printed(site, number) == b"before\n")
    first.kill()
    gate.open()

    site.run()

    assert printed(site, number) == b"before\nafter\n"
    assert site.task(number)["result"]["text"] == "before\nafter"


def forbid_connections(site: Site) -> None:
    site.sql("UPDATE pg_database SET datallowconn = false WHERE datname = current_database()")
    site.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND starts_with(application_name, 'dispatcher')"
    )


def test_output_waits_on_disk_while_the_database_is_away(site: Site) -> None:
    gate, second_gate = site.gate(), site.gate("second")
    number = site.submit(
        f"echo one; {gate.pass_through}; seq 1 100000; echo made >$SITE/made; {second_gate.pass_through}; echo end"
    )
    dispatcher = site.start("--until-empty")
    site.wait_until(lambda: printed(site, number) == b"one\n")

    forbid_connections(site)
    gate.open()
    dispatcher.wait_for("output waits on disk: the database is away")
    site.sql("UPDATE pg_database SET datallowconn = true WHERE datname = current_database()")
    everything = "one\n" + "".join(f"{i}\n" for i in range(1, 100_001))
    site.wait_until(lambda: printed(site, number).decode() == everything)
    second_gate.open()

    assert dispatcher.wait() == 0
    assert printed(site, number).decode() == everything + "end\n"


def switches(dispatcher: Dispatcher) -> int:
    """Return how often its main thread has gone to sleep so far."""
    status = Path(f"/proc/{dispatcher.pid}/task/{dispatcher.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("voluntary_"))


CHATTY = """
import sys, time
end = time.monotonic() + 4
while time.monotonic() < end:
    print("still here", flush=True)
    time.sleep(0.002)
"""


def test_many_chatty_agents_cost_few_wake_ups_and_statements(site: Site) -> None:
    site.configure("groups", python={"max_concurrent": 16})
    with psycopg.connect(site.url, dbname=site.database.info.dbname, autocommit=True) as ear:
        ear.execute("LISTEN run_output")
        numbers = site.submit_many([{"tool": "python", "prompt": CHATTY}] * 16)
        dispatcher = site.start("--until-empty")
        site.wait_until(lambda: all(printed(site, number) for number in numbers))

        began, before = site.sql("SELECT clock_timestamp() AS t")[0]["t"], switches(dispatcher)
        list(ear.notifies(timeout=0))
        for _ in ear.notifies(timeout=10, stop_after=8):
            pass
        after, took = switches(dispatcher), site.sql("SELECT clock_timestamp() AS t")[0]["t"] - began

        assert took.total_seconds() > 7 * 0.25 * 0.9
        assert (after - before) / took.total_seconds() < 200  # while 16 agents print 8,000 lines a second
        assert dispatcher.wait() == 0

"""The database may stop, break off or go silent at any moment: agents go on, and results arrive."""

import random
import signal
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.faults.conftest import Crashing
from tests.fixtures.dispatchers import Dispatcher, Site
from tests.fixtures.faults import with_fault
from tests.fixtures.proxy import Proxy, start_over

TASKS = 120
CRASHES = 4


def test_each_task_ends_exactly_once_whenever_the_server_crashes(crashing: Crashing) -> None:
    site = crashing.site
    site.configure("groups", sh={"max_concurrent": 8})
    site.configure("limits", **{"tool:sh": 6})
    numbers = site.submit_many(
        [
            {"tool": "sh", "prompt": f"echo {n} >>$SITE/journal; sleep 0.0{n % 10}; echo {n}"}
            for n in range(TASKS)
        ]
    )
    moments = sorted(random.sample(range(1, TASKS - 10), CRASHES))
    dispatcher = site.start()

    for moment in moments:
        dispatcher.wait_for("run ended", times=moment)
        crashing.kill()
        crashing.start()
    site.wait_for("succeeded", *numbers)

    assert sorted(map(int, site.journal_lines())) == list(range(TASKS)), f"crashes after {moments}"
    assert [len(site.runs(number)) for number in numbers] == [1] * TASKS
    assert site.sql("SELECT * FROM check_counters()") == []
    assert (
        site.sql("SELECT * FROM concurrency_limits WHERE scope = 'tool:sh' AND current_concurrent <> 0") == []
    )


def test_a_result_waits_for_the_database_and_so_does_the_end(crashing: Crashing) -> None:
    site = crashing.site
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo kept >made; echo waited", output_files=["made"])
    dispatcher = site.start("--until-empty")
    site.wait_for("running", number)
    crashing.kill()
    gate.open()
    dispatcher.wait_for("the database is away", while_doing="storing an output file")

    crashing.start()

    assert dispatcher.wait() == 0
    assert site.task(number)["result"]["text"] == "waited"
    assert site.runs(number)[0]["output_files"] == ["made"]


def test_a_dispatcher_that_is_told_to_end_does_not_wait_for_a_database_for_ever(crashing: Crashing) -> None:
    site = crashing.site
    gate = site.gate()
    site.configure("dispatcher", grace=1)
    number = site.submit(f"{gate.pass_through}; echo delivered by the next")
    dispatcher = site.start()
    site.wait_for("running", number)
    crashing.kill()
    gate.open()
    dispatcher.wait_for("run ended")

    dispatcher.signal(signal.SIGTERM)

    assert dispatcher.wait() == 0
    assert dispatcher.log("leaving agents running for the next start", tasks=[number])
    crashing.start()
    site.run()
    assert site.task(number)["result"]["text"] == "delivered by the next"
    assert len(site.runs(number)) == 1


def test_while_the_database_is_away_nothing_spins(crashing: Crashing) -> None:
    site = crashing.site
    site.configure("dispatcher", heartbeat_interval=1, lease_interval=60)
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    crashing.kill()
    dispatcher.wait_for("does not hear the database", times=4)

    pauses = [entry["retry_in_s"] for entry in dispatcher.log("does not hear the database")]

    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    crashing.start()
    number = site.submit("echo back")
    site.wait_for("succeeded", number)


def test_a_database_that_cannot_be_written_to_for_a_while_ends_nothing(site: Site) -> None:
    """As after a failover, until the standby has become the primary."""
    site.configure("dispatcher", heartbeat_interval=0.1, lease_interval=60)
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo told at last")
    dispatcher = site.start()
    site.wait_for("running", number)

    become_read_only(site, "on")
    gate.open()
    dispatcher.wait_for("heartbeat failed", times=10)
    become_read_only(site, "off")

    site.wait_for("succeeded", number)
    assert any("read-only" in str(entry["error"]) for entry in dispatcher.log("heartbeat failed"))
    assert site.task(number)["result"]["text"] == "told at last"


def test_a_standby_is_listened_to_as_soon_as_it_is_the_primary(crashing: Crashing) -> None:
    site = crashing.site
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    crashing.kill()
    (crashing.server.embedded.status().data / "standby.signal").touch()
    crashing.server.embedded.start()
    while not any("during recovery" in str(e["error"]) for e in dispatcher.log("does not hear the database")):
        heard = len(dispatcher.log("does not hear the database"))
        dispatcher.wait_for("does not hear the database", times=heard + 1)

    with psycopg.connect(crashing.server.settings("postgres").database.url or "", autocommit=True) as admin:
        admin.execute("SELECT pg_promote()")
    site.connect()

    site.wait_for("succeeded", site.submit("echo back"))


def become_read_only(site: Site, value: LiteralString) -> None:
    """Set it for all connections except the test's own: they are closed and made again."""
    database = sql.Identifier(str(site.sql("SELECT current_database() AS name")[0]["name"]))
    site.database.execute(
        sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format(database, value)
    )
    site.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE 'dispatcher%%'"
    )


def start_with_heartbeats(site: Site, line: Proxy) -> Dispatcher:
    site.configure("dispatcher", heartbeat_interval=1, lease_interval=60)
    return start_over(site, line)


def test_a_listener_that_went_deaf_is_replaced_and_misses_nothing(site: Site, line: Proxy) -> None:
    dispatcher = start_with_heartbeats(site, line)
    first = site.submit("echo heard")
    site.wait_for("succeeded", first)
    line.swallow("dispatcher listener")
    second = site.submit("echo not heard")
    (sent,) = site.sql("SELECT clock_timestamp() AS at")

    site.wait_for("succeeded", second)

    dispatcher.wait_for("the listening connection is deaf and is replaced")
    (run,) = site.runs(second)
    assert (run["claimed_at"] - sent["at"]).total_seconds() < 2 + 1, "two heartbeats, and a slow machine"


def test_after_one_silence_every_connection_is_replaced(site: Site, line: Proxy) -> None:
    """Otherwise each call would find another dead connection, and wait for each in turn."""
    dispatcher = start_with_heartbeats(site, line)
    many = site.submit_many([{"tool": "sh", "prompt": "echo x | tee made", "output_files": ["made"]}] * 4)
    with site.elsewhere() as holder, holder.transaction():
        holder.execute(
            "LOCK TABLE task_files"
        )  # each run holds a connection of the pool until it stores its file
        while len(connections(site)) < 5:
            site.sql("SELECT pg_sleep(0.02)")
    site.wait_for("succeeded", *many)

    line.swallow("dispatcher")
    line.swallow("dispatcher listener")
    number = site.submit("echo at last")

    site.wait_for("succeeded", number, within=45)
    assert len(dispatcher.log("the database said nothing: all connections to it are replaced")) == 1


def connections(site: Site) -> list[int]:
    """Return the server processes that serve the pool and the claims of a dispatcher."""
    return [
        int(row["pid"])
        for row in site.sql(
            "SELECT pid FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'dispatcher' ORDER BY pid"
        )
    ]


CLAIMS_BY_NAME = """
from dispatcher.loop import assembly
def connect(settings):
    named = assembly.conninfo(settings, application_name="dispatcher claims")
    connection = assembly.BoundedConnection.connect(named, autocommit=True)
    assembly.prepare(connection, assembly.STATEMENT_TIMEOUT, own_session=True)
    return connection
assembly._connect = connect
"""


@pytest.mark.parametrize("which", ["the pool's", "the pool's and that of the claims"])
def test_connections_that_swallow_calls_are_found_out_before_anybody_waits_long(
    site: Site, line: Proxy, which: str
) -> None:
    """The listener hears of the next task; it must not wait for heartbeats, statement timeouts or reports of starts."""
    site.configure("groups", sh={"max_concurrent": 8})
    site.configure("dispatcher", heartbeat_interval=3, lease_interval=9)
    dispatcher = start_over(site, line, with_fault(CLAIMS_BY_NAME) if which == "the pool's" else ())
    site.wait_for("succeeded", site.submit("echo first"))
    gate = site.gate()
    line.swallow("dispatcher")
    took = []
    for _ in range(6):
        (sent,) = site.sql("SELECT clock_timestamp() AS at")
        number = site.submit(gate.pass_through)
        site.wait_for("running", number)
        (run,) = site.runs(number)
        took.append((run["started_at"] - sent["at"]).total_seconds())

    assert max(took) < 2 + 1, f"two seconds, and a slow machine: {took}"
    gate.open()
    site.wait_until(lambda: dispatcher.log("the database said nothing: all connections to it are replaced"))


def test_connections_that_are_silent_are_given_up(site: Site, line: Proxy) -> None:
    dispatcher = start_with_heartbeats(site, line)
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo said at last")
    site.wait_for("running", number)

    line.swallow("dispatcher")
    line.swallow("dispatcher listener")
    gate.open()

    site.wait_for("succeeded", number, within=60)
    assert "did not answer" in dispatcher.story()

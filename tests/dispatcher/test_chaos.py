"""Everything at once: dispatchers and PostgreSQL are killed at random while tasks arrive, run and end."""

import os
import random
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TypeVar

import psycopg
import pytest

from dispatcher.database.migrate import migrate
from tests.fixtures.dispatchers import PATIENCE, Dispatcher, Site
from tests.fixtures.postgres import PostgresServer, serving

Answer = TypeVar("Answer")

SECONDS = float(os.environ.get("LLMCTL_CHAOS_SECONDS", "60"))
SEED = int(os.environ.get("LLMCTL_CHAOS_SEED", str(random.SystemRandom().randrange(10**6))))

# A lock tells of two runs of one task at a time, whatever the database believes; only the end of an agent that was
# alone counts. Its descriptor is closed for sleep, so that nothing but the agent itself holds the lock.
AGENT = """\
exec 9>>"$SITE/lock-{key}"
flock -n 9 || {{ echo "overlap {key}" >>"$SITE/journal"; exit 1; }}
sleep {seconds} 9>&-
echo "done {key}" >>"$SITE/journal"
echo answer {key}
"""


class Chaos:
    """Two dispatchers with a work directory each, one database, and a dice."""

    def __init__(self, server: PostgresServer, sites: list[Site], dice: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self._server = server
        self._sites = sites
        self._dice = dice
        self._dispatchers: list[Dispatcher | None] = [None] * len(sites)
        self._stopped: set[Dispatcher] = set()
        self._database = psycopg.connect(sites[0].database.info.dsn, autocommit=True)

    def submit(self) -> None:
        """Queue a handful of tasks, each by a key, so that a submit whose answer was lost may be repeated."""
        for _ in range(self._dice.randint(1, 12)):
            key = str(self.counts["tasks"])
            prompt = AGENT.format(key=key, seconds=round(self._dice.expovariate(2), 2))
            self.counts["tasks"] += 1
            self.ask("SELECT submit_task('sh', %s, p_idempotency_key => %s, p_backoff_s => 0)", prompt, key)

    def kill_a_dispatcher(self) -> None:
        dispatcher = self._dispatchers[self._dice.randrange(len(self._sites))]
        if dispatcher is not None and dispatcher.process.poll() is None:
            dispatcher.kill()
            self.counts["dispatchers killed"] += 1

    def stop_a_dispatcher(self) -> None:
        dispatcher = self._dispatchers[self._dice.randrange(len(self._sites))]
        # Once only: a second signal stops agents, and one that has just said "done" would rightly run again.
        if dispatcher is not None and dispatcher.process.poll() is None and dispatcher not in self._stopped:
            self._stopped.add(dispatcher)
            dispatcher.signal(signal.SIGTERM)
            self.counts["dispatchers stopped"] += 1

    def kill_the_database(self) -> None:
        """Let PostgreSQL crash: SIGQUIT is its immediate shutdown."""
        pid = self._server.embedded.status().pid
        if pid is not None:
            os.kill(pid, signal.SIGQUIT)
            self.counts["databases killed"] += 1

    def tend(self) -> None:
        """Start whatever does not run, as a service manager would."""
        self._server.embedded.start()
        for number, site in enumerate(self._sites):
            dispatcher = self._dispatchers[number]
            if dispatcher is None or dispatcher.process.poll() is not None:
                self._dispatchers[number] = site.start()
                self.counts["dispatchers started"] += 1

    def ask(self, query: str, *arguments: object) -> list[tuple[object, ...]]:
        def attempt() -> list[tuple[object, ...]]:
            return self._database.execute(query.encode(), arguments).fetchall()

        deadline = monotonic() + PATIENCE
        while True:
            try:
                return attempt()
            except psycopg.OperationalError:
                assert monotonic() < deadline, "the database did not come back"
                self._server.embedded.start()
                with suppress(psycopg.OperationalError):
                    self._database = psycopg.connect(self._sites[0].database.info.dsn, autocommit=True)

    def count(self, query: str) -> list[tuple[str, int]]:
        return [(str(name), int(str(number))) for name, number in self.ask(query)]

    def story(self, lines: Iterable[str]) -> list[tuple[object, ...]]:
        """The runs of the tasks that these lines of the journal are about."""
        return self.ask(
            "SELECT t.idempotency_key, r.run_no, r.status, r.error_message, r.exit_code, r.started_at, r.finished_at "
            "FROM task_runs AS r JOIN tasks AS t ON t.id = r.task_id WHERE t.idempotency_key = ANY(%s) "
            "ORDER BY t.number, r.run_no",
            [line.split()[1] for line in lines],
        )

    def events(self) -> Iterator[Callable[[], None]]:
        choices = [
            *[self.submit] * 6,
            *[self.kill_a_dispatcher] * 3,
            *[self.stop_a_dispatcher] * 2,
            *[self.kill_the_database] * 1,
            *[self.tend] * 5,
        ]
        while True:
            yield self._dice.choice(choices)


@pytest.fixture
def chaos(tmp_path: Path) -> Iterator[Chaos]:
    with serving(tmp_path / "server") as server:
        template = server.create()
        migrate(server.settings(template))
        sites = []
        for name in ("one", "other"):
            directory = tmp_path / name
            directory.mkdir()
            site = Site(directory, server.settings(template))
            site.configure("dispatcher", heartbeat_interval=1, lease_interval=3, grace=0.5, host=name)
            site.configure("groups", sh={"env": {"SITE": str(tmp_path)}, "max_concurrent": 12})
            sites.append(site)
        yield Chaos(server, sites, random.Random(SEED))
        server.embedded.start()
        for site in sites:
            site.close()


def test_whatever_is_killed_every_task_succeeds_exactly_once(chaos: Chaos, tmp_path: Path) -> None:
    end, pace = monotonic() + SECONDS, threading.Event()
    for event in chaos.events():
        if monotonic() > end:
            break
        event()
        pace.wait(random.Random().expovariate(4))

    while chaos.ask("SELECT FROM tasks WHERE status IN ('queued', 'leased', 'running') LIMIT 1"):
        assert monotonic() < end + 120, chaos.ask("SELECT * FROM list_tasks()")
        chaos.tend()
        pace.wait(0.2)

    runs = dict(chaos.count("SELECT status, count(*) FROM task_runs GROUP BY status ORDER BY status"))
    sys.stdout.write(f"seed {SEED}, {SECONDS:.0f} s: {dict(chaos.counts)}, runs: {runs}\n")
    journal = Counter((tmp_path / "journal").read_text().split("\n")[:-1])
    wrong = journal - Counter(f"done {number}" for number in range(chaos.counts["tasks"]))
    assert not wrong, f"{wrong}: {chaos.story(wrong)}"
    assert journal.total() == chaos.counts["tasks"]
    assert chaos.ask("SELECT count(*) FROM tasks WHERE status = 'succeeded'") == [(chaos.counts["tasks"],)]
    assert chaos.ask(
        "SELECT max(n) FROM (SELECT count(*) FILTER (WHERE status = 'succeeded') AS n "
        "FROM task_runs GROUP BY task_id) AS successes"
    ) == [(1,)]
    assert chaos.ask("SELECT * FROM check_counters()") == []
    assert chaos.ask("SELECT * FROM list_limits() WHERE current_concurrent <> 0") == []
    assert set(runs) <= {"succeeded", "interrupted"}, "a run was lost although no agent was ever killed"

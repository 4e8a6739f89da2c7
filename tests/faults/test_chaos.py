"""Everything at once: dispatchers and PostgreSQL are killed at random while tasks arrive, run and end."""

import json
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
from dispatcher.host import cgroups, survivors
from tests.fixtures.dispatchers import PATIENCE, Dispatcher, Site, processes_with
from tests.fixtures.namespaces import PidNamespace
from tests.fixtures.postgres import PostgresServer, serving
from tests.fixtures.shims import Shim
from tests.fixtures.users import needs_root

Answer = TypeVar("Answer")

SECONDS = float(os.environ.get("LLMCTL_CHAOS_SECONDS", "60"))
DRAIN = 400.0
"""Seconds after the last fault in which all tasks end, on a machine that does much else: 40 to 90 alone."""
SEED = int(os.environ.get("LLMCTL_CHAOS_SEED", str(random.SystemRandom().randrange(10**6))))

LIMIT = 12

# Locks show two runs of one task at a time, and more agents than slots, whatever the database believes. Their
# descriptors are closed for sleep, so that only the agent itself holds them.
AGENT = """\
exec 9>>"$SITE/lock-{key}"
flock -n 9 || {{ echo "overlap {key}" >>"$SITE/journal"; exit 1; }}
for slot in $(seq {limit}); do
    exec 8>>"$SITE/slot-$slot"
    if flock -n 8; then break; else exec 8>&-; fi
done
{{ : >&8; }} 2>/dev/null || {{ echo "limit {key}" >>"$SITE/journal"; exit 1; }}
{forgery}
sleep {seconds} 9>&- 8>&-
echo "done {key} $LLMCTL_RUN" >>"$SITE/journal"
echo answer {key}
"""

FORGERIES = [
    "cat forged >../run",  # the shim that watches the agent keeps the lock
    "mv forged ../run",
]
VICTIMS = [
    "1",
    "$(ls /proc | grep '^[0-9]*$' | shuf -n 1)",
    "$PPID",  # the shim
    "$(sed -n 's/^PPid:.//p' /proc/$(sed -n 's/^PPid:.//p' /proc/$PPID/status)/status)",  # the dispatcher
]


class Chaos:
    """Two dispatchers with a work directory each, one database, and a dice.

    The dispatchers and agents are in a namespace of process ids of their own, since agents name processes that are to
    be killed. ``killed`` and ``forging`` are the runs and tasks that may fail for what was done to them.
    """

    def __init__(
        self, directory: Path, server: PostgresServer, sites: list[Site], dice: random.Random
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._directory = directory
        self._server = server
        self._sites = sites
        self._dice = dice
        self._dispatchers: list[Dispatcher | None] = [None] * len(sites)
        self._stopped: set[Dispatcher] = set()
        self.killed: set[str] = set()
        self.forging: set[str] = set()
        self.checked: set[str] = set()
        self._database = psycopg.connect(sites[0].database.info.dsn, autocommit=True)

    def submit(self) -> None:
        """Queue some tasks, each with a key, so that a submit whose answer was lost may be repeated."""
        for _ in range(self._dice.randint(1, 12)):
            key = str(self.counts["tasks"])
            forgery = self._forgery(key) if self._dice.random() < 0.2 else ":"
            seconds = round(self._dice.expovariate(2), 2)
            prompt = AGENT.format(key=key, limit=LIMIT, seconds=seconds, forgery=forgery)
            self.counts["tasks"] += 1
            self.ask(
                "SELECT submit_task('sh', %s, p_idempotency_key => %s, p_backoff_s => 0, p_max_attempts => 50,"
                " p_more => %s)",
                prompt,
                key,
                json.dumps({"check_command": self._check(key)} if self._dice.random() < 0.3 else {}),
            )

    def _check(self, key: str) -> str:
        """Return a check that says that it ran. Some stop what watches over them, at the first time."""
        self.checked.add(key)
        word = f'echo "checked {key} $LLMCTL_RUN" >>{self._directory}/journal'
        if self._dice.random() < 0.3:
            self.counts["hostile checks"] += 1
            # A shell that watches over it alone it would hold up until its own timeout.
            is_shim = f"mkdir {self._directory}/hostile-{key} && grep -q shim /proc/$PPID/comm"
            word = f"{is_shim} && kill -STOP $PPID; {word}"
        return f"sleep {round(self._dice.expovariate(3), 2)}; {word}"

    def _forgery(self, key: str) -> str:
        self.forging.add(key)
        victim, put = self._dice.choice(VICTIMS), self._dice.choice(FORGERIES)
        return f'{{ head -n 1 ../run; echo "started {victim}"; }} >forged; {put}'

    def kill_a_shim(self) -> None:
        """As the kernel does when memory runs out: kill a shim, sometimes with its keeper, and not their agents."""
        pids = self._agents()
        self._dice.shuffle(pids)
        for pid in pids:
            with suppress(OSError, AssertionError):
                shim = Shim.of(pid)
                os.kill(shim.pid, signal.SIGSTOP)
                # A shim may be at work for any of these.
                self.killed |= {
                    str(run) for (run,) in self.ask("SELECT id FROM task_runs WHERE finished_at IS NULL")
                }
                if self._dice.random() < 0.3:
                    shim.kill()
                    self.counts["keepers killed"] += 1
                else:
                    os.kill(shim.pid, signal.SIGKILL)
                self.counts["shims killed"] += 1
                return

    def kill_a_keeper(self) -> None:
        """Kill the parent of a shim alone, which harms nobody."""
        shim = self._some_shim()
        if shim is not None and shim.is_kept:
            with suppress(OSError):
                os.kill(shim.keeper, signal.SIGKILL)
                self.counts["keepers alone killed"] += 1

    def stop_a_shim(self) -> None:
        """Stop a shim, sometimes with its keeper. Nobody but its dispatcher continues them."""
        if shim := self._some_shim():
            with suppress(OSError):
                if self._dice.random() < 0.3 and shim.is_kept:
                    os.kill(shim.keeper, signal.SIGSTOP)
                os.kill(shim.pid, signal.SIGSTOP)
                self.counts["shims stopped"] += 1

    def _some_shim(self) -> Shim | None:
        pids = self._agents()
        self._dice.shuffle(pids)
        for pid in pids:
            with suppress(OSError, AssertionError):
                return Shim.of(pid)
        return None

    def kill_an_agent(self) -> None:
        self._kill_one_of("agents killed", lambda command: command.endswith(b"/prompt\0"))

    def _kill_one_of(self, what: str, is_one: Callable[[bytes], bool]) -> None:
        pids = self._agents()
        self._dice.shuffle(pids)
        for pid in pids:
            with suppress(OSError):
                process = os.pidfd_open(pid)
                try:
                    run_id = survivors.marks_of(pid).run
                    if run_id and is_one(Path(f"/proc/{pid}/cmdline").read_bytes()):
                        self.killed.add(run_id)
                        signal.pidfd_send_signal(process, signal.SIGKILL)
                        self.counts[what] += 1
                        return
                finally:
                    os.close(process)

    def kill_a_dispatcher(self) -> None:
        dispatcher = self._dispatchers[self._dice.randrange(len(self._sites))]
        if dispatcher is not None and dispatcher.process.poll() is None:
            dispatcher.kill()
            self.counts["dispatchers killed"] += 1

    def stop_a_dispatcher(self) -> None:
        dispatcher = self._dispatchers[self._dice.randrange(len(self._sites))]
        # Only once: a second signal stops agents, and a task whose agent has just said "done" would rightly run again.
        if dispatcher is not None and dispatcher.process.poll() is None and dispatcher not in self._stopped:
            self._stopped.add(dispatcher)
            dispatcher.signal(signal.SIGTERM)
            self.counts["dispatchers stopped"] += 1

    def kill_the_database(self) -> None:
        """Crash PostgreSQL: SIGQUIT is its immediate shutdown."""
        pid = self._server.embedded.status().pid
        if pid is not None:
            os.kill(pid, signal.SIGQUIT)
            self.counts["databases killed"] += 1

    def tend(self) -> None:
        """Start everything that does not run, as a service manager would."""
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
        """Return the runs of the tasks that these lines of the journal name."""
        return self.ask(
            "SELECT t.idempotency_key, r.run_no, r.status, r.error_message, r.exit_code, r.started_at, r.finished_at "
            "FROM task_runs AS r JOIN tasks AS t ON t.id = r.task_id WHERE t.idempotency_key = ANY(%s) "
            "ORDER BY t.number, r.run_no",
            [line.split()[1] for line in lines],
        )

    def _agents(self) -> list[int]:
        return processes_with(f"SITE={self._directory}")

    def left_over(self) -> list[str]:
        """What is there although nothing runs: processes, control groups, and workspaces of runs that are not lost.

        A lost run's workspace may be all that is left of it, so only a dispatcher that saw it end removes it.
        """
        runs = {
            str(run_id): (f"{number}-{run_no}", status)
            for run_id, number, run_no, status in self.ask(
                "SELECT r.id, t.number, r.run_no, r.status FROM task_runs AS r JOIN tasks AS t ON t.id = r.task_id"
            )
        }
        done = {name for name, status in runs.values() if status != "lost"}
        parent = cgroups.parent_of_runs()
        groups = parent.glob("llmctl-*") if parent is not None else []
        return [
            *[f"process {pid}" for pid in self._agents()],
            *[group.name for group in groups if group.name.split("-", 2)[2] in runs],
            *[str(path) for site in self._sites for path in site.work_dir.glob("*/*-*") if path.name in done],
        ]

    def events(self) -> Iterator[Callable[[], None]]:
        choices = [
            *[self.submit] * 6,
            *[self.kill_a_dispatcher] * 3,
            *[self.stop_a_dispatcher] * 2,
            *[self.kill_the_database] * 1,
            *[self.kill_a_shim] * 4,
            *[self.kill_a_keeper] * 2,
            *[self.stop_a_shim] * 2,
            *[self.kill_an_agent] * 2,
            *[self.tend] * 5,
        ]
        while True:
            yield self._dice.choice(choices)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    with serving(tmp_path / "server") as server:
        yield server


# A namespace sees no mount that is made after it, such as that of the server's files.
@pytest.fixture
def chaos(tmp_path: Path, server: PostgresServer, pid_namespace: PidNamespace) -> Iterator[Chaos]:
    template = server.create()
    migrate(server.settings(template))
    sites = []
    for name in ("one", "other"):
        directory = tmp_path / name
        directory.mkdir()
        site = Site(directory, server.settings(template))
        site.configure("dispatcher", heartbeat_interval=1, lease_interval=3, grace=0.5, host=name)
        site.configure("execution", cleanup="always")
        site.configure("security", allow_commands=True)
        site.configure("groups", sh={"env": {"SITE": str(tmp_path)}, "max_concurrent": LIMIT})
        site.pids = pid_namespace
        sites.append(site)
    yield Chaos(tmp_path, server, sites, random.Random(SEED))
    server.embedded.start()
    for site in sites:
        site.close()


@needs_root
@pytest.mark.timeout(SECONDS + DRAIN + 200)
def test_whatever_is_killed_every_task_succeeds_exactly_once(chaos: Chaos, tmp_path: Path) -> None:
    end, pace = monotonic() + SECONDS, threading.Event()
    for event in chaos.events():
        if monotonic() > end:
            break
        event()
        pace.wait(random.Random().expovariate(4))

    while chaos.ask("SELECT FROM tasks WHERE status IN ('queued', 'leased', 'running') LIMIT 1"):
        assert monotonic() < end + DRAIN, chaos.ask("SELECT * FROM list_tasks()")
        chaos.tend()
        pace.wait(0.2)
    quiet_by = monotonic() + 60
    while left := chaos.left_over():
        assert monotonic() < quiet_by, left
        chaos.tend()
        pace.wait(0.5)

    runs = dict(chaos.count("SELECT status, count(*) FROM task_runs GROUP BY status ORDER BY status"))
    sys.stdout.write(f"seed {SEED}, {SECONDS:.0f} s: {dict(chaos.counts)}, runs: {runs}\n")
    lines = (tmp_path / "journal").read_text().split("\n")[:-1]
    journal = Counter(line for line in lines if not line.startswith("checked "))
    checked = {line for line in lines if line.startswith("checked ")}
    successes = chaos.ask(
        "SELECT t.idempotency_key, r.id FROM task_runs AS r JOIN tasks AS t ON t.id = r.task_id "
        "WHERE r.status = 'succeeded'"
    )
    unlucky = chaos.ask(
        "SELECT t.idempotency_key, r.id, r.error_class FROM task_runs AS r JOIN tasks AS t ON t.id = r.task_id "
        "WHERE r.status NOT IN ('succeeded', 'interrupted')"
    )
    # A run that was killed after its last word is not a success, and its task begins again.
    wrong = journal - Counter(f"done {key} {run_id}" for key, run_id, *_ in (*successes, *unlucky))
    assert not wrong, f"{wrong}: {chaos.story(wrong)}"
    missing = Counter(f"done {key} {run_id}" for key, run_id in successes) - journal
    unchecked = {f"checked {key} {run_id}" for key, run_id in successes if key in chaos.checked} - checked
    assert not unchecked, f"succeeded without its check: {chaos.story(unchecked)}"
    assert not missing, f"succeeded without a word of its agent: {chaos.story(missing)}"
    tasks = {str(key) for key in range(chaos.counts["tasks"])}
    assert sorted(str(key) for key, _ in successes) == sorted(tasks), "each task succeeds once"
    assert chaos.ask("SELECT count(*) FROM tasks WHERE status = 'succeeded'") == [(len(tasks),)]
    blameless = [run for run in unlucky if str(run[1]) not in chaos.killed and run[0] not in chaos.forging]
    assert not blameless, "runs failed to which nobody did anything"
    assert {error for *_, error in unlucky} <= {"lost", "agent_error"}
    assert chaos.ask("SELECT * FROM check_counters()") == []
    assert chaos.ask("SELECT * FROM list_limits() WHERE current_concurrent <> 0") == []

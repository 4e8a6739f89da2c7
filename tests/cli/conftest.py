"""The real command in a process of its own, on a real database, and a dispatcher that is played by hand."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import msgspec
import psycopg
import pytest

from dispatcher.configuration.settings import Settings

ROOT = Path(__file__).parents[2]


one_postgres = pytest.mark.parametrize(
    "postgres_server", [None], ids=["embedded"], indirect=True, scope="session"
)
"""One PostgreSQL is enough here: what differs between them is in the SQL, which has tests of its own."""


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    def json(self) -> object:
        return msgspec.json.decode(self.out)


@dataclass(frozen=True)
class Llmctl:
    """Calls `llmctl`; standard input is empty unless given, and nothing is a terminal."""

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def argv(self) -> list[str]:
        return [sys.executable, "-m", "cli.main"]

    def __call__(self, *arguments: str | Path, stdin: str | bytes = "", **environment: str) -> Finished:
        done = subprocess.run(
            [*self.argv, *map(str, arguments)],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            cwd=self.directory,
            env={**self.environment, **environment},
            timeout=60,
            check=False,
        )
        return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on while the test acts; a test that fails does not wait for it."""
        with subprocess.Popen(
            [*self.argv, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env=dict(self.environment),
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def ok(self, *arguments: str | Path, stdin: str | bytes = "") -> str:
        """Standard output, without the last line end, of a call that succeeds."""
        finished = self(*arguments, stdin=stdin)
        assert (finished.code, finished.err) == (0, ""), finished
        return finished.out.removesuffix("\n")

    def submit(self, *arguments: str | Path) -> str:
        """The number of a new task."""
        return self.ok("submit", "-q", *arguments)


@dataclass(frozen=True)
class PlayedDispatcher:
    """Does by hand what a dispatcher does, so that a test can put a task into any state."""

    connection: psycopg.Connection
    id: str

    def claim(self, most: int = 10) -> list[dict[str, object]]:
        answer = self._call("SELECT report_and_claim(%s, '[]', %s) -> 'runs'", self.id, most)
        return msgspec.convert(answer, list[dict[str, object]])

    def start(self, pid: int = 4711) -> list[str]:
        """Claim what can be claimed and start it; return the runs."""
        runs = [str(run["run_id"]) for run in self.claim()]
        self._call("SELECT start_runs(%s, %s)", self.id, _json([{"run_id": run, "pid": pid} for run in runs]))
        return runs

    def finish(self, run: str, **report: object) -> None:
        verdict = self._call(
            "SELECT verdict FROM finish_runs(%s, %s)", self.id, _json([{"run_id": run, "ran_s": 2, **report}])
        )
        assert verdict == "finished"

    def append(self, run: str, output: Mapping[str, object]) -> None:
        """Store what the agent of a run printed."""
        told = {"run_id": run, "ago_s": 0, "stdout_bytes": 0, "stderr_bytes": 0, "live": True, **output}
        self._call("SELECT count(*) FROM append_output(%s, %s)", self.id, _json([told]))

    def run(self, **report: object) -> None:
        """Start all that waits, and end it as ``report`` says."""
        for run in self.start():
            self.finish(run, **report)

    def store(self, run: str, path: str, content: bytes | None, mode: int = 0o644, **kept: object) -> None:
        from hashlib import sha256

        digest = kept.get("sha256") or sha256(content or b"").hexdigest()
        self._call(
            "SELECT store_output(%s, %s, %s, %s, %s, %s, %s, %s)",
            *(self.id, run, path, content, kept.get("url"), len(content or b""), digest, mode),
        )

    def _call(self, query: LiteralString, *arguments: object) -> object:
        row = self.connection.execute(query, arguments).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
def llmctl(database: str, database_settings: Settings, tmp_path: Path) -> Llmctl:
    """`llmctl` on a database of the test's own, with one group each for claude and codex."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.yaml").write_text(f"database: {{name: {database_settings.database.name}}}\n")
    directory = tmp_path / "here"
    directory.mkdir()
    called = Llmctl(
        directory,
        {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "HOME": str(home),
            "LLMCTL_HOME": str(home),
            "LLMCTL_DATABASE_URL": database,
            "LANG": "C.UTF-8",
            "TZ": "Europe/Berlin",
        },
    )
    with psycopg.connect(database, autocommit=True) as connection:
        for tool in ("claude", "codex"):
            connection.execute("SELECT put_group(%s, %s, 'main', 2)", [f"{tool}-main", tool])
    return called


@pytest.fixture
def without_database(tmp_path_factory: pytest.TempPathFactory) -> Llmctl:
    """`llmctl` with a database that nobody serves."""
    home = tmp_path_factory.mktemp("home")
    return Llmctl(
        home,
        {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": ":".join(path for path in (str(ROOT), *sys.path) if path),
            "HOME": str(home),
            "LLMCTL_HOME": str(home),
            "LLMCTL_DATABASE_URL": "host=127.0.0.1 port=9 user=x password=hunter2hunter2",
            "LANG": "C.UTF-8",
        },
    )


@pytest.fixture
def dispatcher(database: str, llmctl: Llmctl) -> Iterator[PlayedDispatcher]:
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute(
            "SELECT register_dispatcher('host-a', 'boot', 1, '0', %s, 60)::text", [uuid.uuid4()]
        ).fetchone()
        assert row is not None
        yield PlayedDispatcher(connection, row[0])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

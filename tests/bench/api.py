"""P9b: what the HTTP API costs: submits over it, live streams that are open, and streams that only wait.

The clients are plain sockets with requests that are made once, since they share the processors with the server.
"""

import contextlib
import gzip
import hashlib
import json
import re
import secrets
import selectors
import socket
import statistics
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter

import psycopg
import yaml

from tests.bench.latency import start_latencies
from tests.bench.result import Result
from tests.bench.stage import Stage, running
from tests.bench.systems import ours, wait_for_dispatcher
from tests.fixtures.dispatchers import DISPATCHER

SUBMIT = "SELECT number FROM submit_task('bench', 'task')"
MB = 2**20


@dataclass(frozen=True)
class Api:
    """A `dispatcher serve` under measurement."""

    port: int
    token: str
    process: subprocess.Popen[bytes]

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def stream(self, path: str = "/events") -> socket.socket:
        """Open a live stream and read its first event."""
        connection = self.connect()
        connection.sendall(self.request("GET", path))
        read = b""
        while b"event: state" not in read or not read.endswith(b"\n\n\r\n"):
            piece = connection.recv(MB)
            assert piece, read
            read += piece
        return connection


def posts(stage: Stage) -> list[Result]:
    """P9b submits: tasks per second and the time of one, against submit_task() on one connection, in turns."""
    body = json.dumps({"tool": "bench", "prompt": "task"}).encode()
    seconds = stage.sizes.submitting_seconds / 2
    rates, times = [], []
    with stage.database("posts") as connection, serving(stage, "posts", connection) as api:
        connection.execute("SELECT put_tool('bench')")
        request = api.request("POST", "/tasks", body)
        _post(api, request, clients=32, seconds=seconds)  # its connections and caches are warm then
        for _ in range(stage.sizes.posts):
            direct = _direct(connection, seconds)
            many, one = (_post(api, request, clients, seconds) for clients in (32, 1))
            rates.append((len(many) / seconds, len(direct) / seconds))
            times.append((statistics.median(one) * 1000, statistics.median(direct) * 1000))
    return [
        Result(
            measure="P9b POST /tasks, 32 clients",
            ours=f"{statistics.median(own for own, _ in rates):.0f}/s",
            reference=f"{statistics.median(other for _, other in rates):.0f}/s submit_task(), one connection",
            ratio=statistics.median(own / other for own, other in rates),
            goal=0.7,
            at_least=True,
        ),
        Result(
            measure="P9b POST /tasks, one client, p50",
            ours=f"{statistics.median(own for own, _ in times):.2f} ms",
            reference=f"{statistics.median(other for _, other in times):.2f} ms submit_task()",
            ratio=statistics.median(own / other for own, other in times),
            goal=3,
        ),
    ]


def streams(stage: Stage) -> list[Result]:
    """P9b streams: what open live streams cost the start of an agent, and the API in memory."""
    with (
        ours(stage, "streams") as own,
        stage.connection("streams") as connection,
        serving(stage, "streams", connection) as api,
        contextlib.ExitStack() as opened,
    ):
        alone, watched = [], []
        for _ in range(stage.sizes.posts):
            alone += start_latencies(stage, [own])[own.name]
            with contextlib.ExitStack() as watching:
                for _ in range(stage.sizes.streams):
                    watching.enter_context(api.stream("/tasks/1/events"))
                watched += start_latencies(stage, [own])[own.name]
        for _ in range(stage.sizes.streams):
            opened.enter_context(api.stream())
        memory = _resident(api.process.pid) / MB
    return [
        Result(
            measure=f"P9b submit to agent, p50, {stage.sizes.streams} streams open",
            ours=f"{statistics.median(watched):.1f} ms",
            reference=f"{statistics.median(alone):.1f} ms without",
            ratio=statistics.median(watched) / statistics.median(alone),
            goal=1.1,
        ),
        Result(
            measure=f"P9b memory of the API with {stage.sizes.streams} streams",
            ours=f"{memory:.0f} MB",
            reference="150 MB",
            ratio=memory / 150,
            goal=1,
        ),
    ]


def waiting(stage: Stage) -> list[Result]:
    """P9b idle: the statements of streams of which nothing is to be told, between heartbeats."""
    interval, heartbeats = stage.sizes.heartbeat_seconds, stage.sizes.heartbeats
    with (
        stage.database("waiting") as connection,
        psycopg.connect(stage.server.url("postgres"), autocommit=True) as onlooker,
        stage.dispatcher("waiting", heartbeat_seconds=interval),
    ):
        onlooker.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        wait_for_dispatcher(connection)
        with serving(stage, "waiting", connection) as api, contextlib.ExitStack() as opened:
            for number in range(stage.sizes.waiting_streams):
                opened.enter_context(api.stream("/events" if number % 2 else "/events?brief=true"))
            connection.execute("LISTEN dispatcher_heartbeat")
            for _ in connection.notifies(stop_after=1):
                pass
            onlooker.execute("SELECT pg_stat_statements_reset()")
            began = perf_counter()
            for _ in connection.notifies(stop_after=heartbeats):
                pass
            elapsed = perf_counter() - began
            found = onlooker.execute(
                "SELECT coalesce(sum(calls), 0)::integer FROM pg_stat_statements"
                " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = 'waiting')"
                " AND strpos(query, 'heartbeat') = 0"
            ).fetchone()
    assert found is not None
    return [
        Result(
            measure=f"P9b {stage.sizes.waiting_streams} idle streams for {elapsed:.0f} s: statements",
            ours=str(found[0]),
            reference="0 beside the heartbeats",
            ratio=float(found[0]),
            goal=0,
        )
    ]


def first_paint(stage: Stage) -> list[Result]:
    """P9b page: the bytes that a browser fetches before the first page stands there."""
    with (
        stage.database("paint") as connection,
        serving(stage, "paint", connection) as api,
        contextlib.closing(HTTPConnection("127.0.0.1", api.port)) as client,
    ):
        size, page = _fetch(client, api, "/ui/")
        needed = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', page)
        size += sum(_fetch(client, api, path)[0] for path in needed)
    return [
        Result(
            measure=f"P9b first paint of the page, {1 + len(needed)} files",
            ours=f"{size / 1000:.0f} kB",
            reference="100 kB",
            ratio=size / 100_000,
            goal=1,
        )
    ]


def _fetch(client: HTTPConnection, api: Api, path: str) -> tuple[int, str]:
    """Return how many bytes are sent for a path, to a browser that takes gzip, and the text."""
    client.request("GET", path, headers={"Authorization": f"Bearer {api.token}", "Accept-Encoding": "gzip"})
    answer = client.getresponse()
    assert answer.status == 200, path
    sent = answer.read()
    text = gzip.decompress(sent) if answer.headers["Content-Encoding"] == "gzip" else sent
    return len(sent), text.decode()


def api(stage: Stage) -> list[Result]:
    """P9b: all of it."""
    return [*posts(stage), *streams(stage), *waiting(stage), *first_paint(stage)]


@contextlib.contextmanager
def serving(stage: Stage, name: str, connection: psycopg.Connection) -> Iterator[Api]:
    """Run the API on the database ``name``, with a token of role operator."""
    token = f"llmctl_{secrets.token_urlsafe(32)}"
    connection.execute("SELECT add_token('bench', %s, 'operator')", [hashlib.sha256(token.encode()).digest()])
    home = stage.directory / f"{name}-api"
    home.mkdir(exist_ok=True)  # with --runs it is there already
    config = home / "config.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "database": {"url": stage.server.url("postgres"), "name": name},
                "api": {"enabled": True, "port": 0},
                "logging": {"format": "json"},
            }
        )
    )
    command = [*DISPATCHER, "--config", str(config), "serve"]
    with running(command, {"LLMCTL_HOME": str(home)}, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        served = json.loads(process.stderr.readline())
        yield Api(int(served["url"].rpartition(":")[2]), token, process)


def _direct(connection: psycopg.Connection, seconds: float) -> list[float]:
    """Return how long each submit took."""
    times, until = [], perf_counter() + seconds
    while (began := perf_counter()) < until:
        connection.execute(SUBMIT).fetchall()
        times.append(perf_counter() - began)
    return times


def _post(api: Api, request: bytes, clients: int, seconds: float) -> list[float]:
    """Return how long each request of so many clients took."""
    times: list[float] = []
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as opened:
        sent = {}
        for _ in range(clients):
            connection = opened.enter_context(api.connect())
            selector.register(connection, selectors.EVENT_READ)
            sent[connection] = perf_counter()
            connection.sendall(request)
        until = perf_counter() + seconds
        while (now := perf_counter()) < until:
            for key, _ in selector.select():
                connection = key.fileobj  # type: ignore[assignment]
                answer = connection.recv(65536)
                if not answer.endswith(b"}"):
                    continue  # the body comes in the next piece
                now = perf_counter()
                times.append(now - sent[connection])
                sent[connection] = now
                connection.sendall(request)
    return times


def _resident(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    with Path(f"/proc/{pid}/status").open() as status:
        [line] = [line for line in status if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024

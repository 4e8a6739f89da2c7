"""P9: a page of 100 tasks when there are a million, for each filter, at the front and deep; P9d: what ls lists."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter

import psycopg
from psycopg.types.json import Jsonb

from tests.bench.result import Result
from tests.bench.stage import Stage
from tests.bench.start_up import Command, process_ms

PAGE = 100
LISTED = 50
"""Tasks that ``llmctl ls`` lists unless told otherwise."""
ROUNDS = 21
WARM_UPS = 7
"""Plans are kept from the sixth call on."""
MOST_MS = 20
FILTERS: Mapping[str, Mapping[str, object]] = {
    "all": {},
    "state, common": {"states": ["succeeded"]},
    "state, of queued tasks": {"states": ["queued"]},
    "state, rare": {"states": ["canceled"]},
    "tool, common": {"tool": "bench"},
    "tool, rare": {"tool": "rare"},
    "tenant": {"tenant": "t1"},
    "queue": {"queue": "q1"},
    "group": {"group": "bench"},
    "label": {"labels": {"batch": "1"}},
    "name": {"name": "task 1"},
    "name that no task has": {"name": "nowhere"},
    "since": {"since": "2026-11-01T00:00:00Z"},
    "until": {"until": "2026-11-03T00:00:00Z"},
    "waiting": {"states": ["waiting"]},
    "tool, queue and state": {"tool": "bench", "queue": "q1", "states": ["failed"]},
}


def lists(stage: Stage) -> list[Result]:
    """P9: list_page() beside that of a database with 100 tasks; medians of 21 calls that alternate."""
    count = stage.sizes.backlog
    with stage.database("hundred") as few, stage.database("lists") as many:
        for connection, tasks in ((few, PAGE), (many, count)):
            _fill(connection, tasks)
        slowest, results = 0.0, []
        listed = [_interest(few, many, name, select, count) for name, select in FILTERS.items()]
        listed.append(_whole_command(stage, count))
        for name, select in FILTERS.items():
            reference, front, deep = _pages_ms(((few, None), (many, None), (many, count // 2)), select)
            slowest = max(slowest, front, deep)
            results.append(
                Result(
                    measure=f"P9 page of {PAGE} at {count:,} tasks: {name}",
                    ours=f"{front:.1f} ms, deep {deep:.1f} ms",
                    reference=f"{reference:.1f} ms at {PAGE} tasks",
                    ratio=max(front, deep) / reference,
                )
            )
    results.append(
        Result(
            measure="P9 the slowest of these",
            ours=f"{slowest:.1f} ms",
            reference=f"{MOST_MS} ms",
            ratio=slowest / MOST_MS,
            goal=1,
        )
    )
    return results + listed


def _interest(
    few: psycopg.Connection, many: psycopg.Connection, name: str, select: Mapping[str, object], count: int
) -> Result:
    """P9d: list_tasks() beside that of a database with 100 tasks."""

    def listing(connection: psycopg.Connection) -> None:
        connection.execute("SELECT * FROM list_tasks(%s, %s)", [Jsonb(select), LISTED])

    reference, ours = _medians_ms([partial(listing, few), partial(listing, many)])
    return Result(
        measure=f"P9d list of {LISTED} at {count:,} tasks: {name}",
        ours=f"{ours:.1f} ms",
        reference=f"{reference:.1f} ms at {PAGE} tasks",
        ratio=ours / reference,
    )


def _whole_command(stage: Stage, count: int) -> Result:
    """P9d: the process of `llmctl ls` beside that at 100 tasks."""
    commands = {}
    for name in ("hundred", "lists"):
        config = stage.directory / f"{name}.json"
        config.write_text(json.dumps({"database": {"url": stage.server.url(name), "name": name}}))
        commands[name] = Command(["-m", "cli.main", "--config", str(config), "ls"])
    taken = process_ms(commands, stage.sizes.processes)
    return Result(
        measure=f"P9d llmctl ls at {count:,} tasks",
        ours=f"{taken['lists']:.0f} ms",
        reference=f"{taken['hundred']:.0f} ms at {PAGE} tasks",
        ratio=taken["lists"] / taken["hundred"],
        goal=1.5,
    )


def _fill(connection: psycopg.Connection, tasks: int) -> None:
    """Make tasks of all kinds, one each second; each 20th waits, and the first ones have what is rare."""
    connection.execute("SELECT put_tool('bench'), put_tool('rare'), put_group('bench', 'bench', 'a', 16)")
    connection.execute("SELECT register_dispatcher('h', 'b', 1, '0', gen_random_uuid(), 86400)")
    connection.execute(
        "INSERT INTO tasks (tool, prompt, tenant_id, queue, name, labels, status, group_name, finished_at, created_at)"
        " SELECT CASE WHEN i <= 10 THEN 'rare' ELSE 'bench' END, 'x', 't' || i %% 3, 'q' || i %% 4, 'task ' || i,"
        "  CASE WHEN i %% 10 = 0 THEN jsonb_build_object('batch', (i %% 7)::text) ELSE '{}' END, state,"
        "  CASE WHEN state <> 'queued' THEN 'bench' END, CASE WHEN state <> 'queued' THEN now() END,"
        "  timestamptz '2026-11-01 00:00Z' + i * interval '1 s'"
        " FROM generate_series(1, %s) AS i, LATERAL (SELECT CASE WHEN i <= 10 THEN 'canceled'"
        "  WHEN i %% 20 = 0 THEN 'queued' WHEN i %% 20 = 1 THEN 'failed' ELSE 'succeeded' END AS state) AS states",
        [tasks],
    )
    connection.execute("VACUUM ANALYZE")


def _pages_ms(
    places: tuple[tuple[psycopg.Connection, int | None], ...], select: Mapping[str, object]
) -> list[float]:
    """Return the median milliseconds of a page at each place, in turn."""

    def page(connection: psycopg.Connection, before: int | None) -> None:
        connection.execute("SELECT * FROM list_page(%s, %s, %s)", [Jsonb(select), before, PAGE])

    return _medians_ms([partial(page, connection, before) for connection, before in places])


def _medians_ms(calls: Sequence[Callable[[], None]]) -> list[float]:
    """Return the median milliseconds of each call; they take turns."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(WARM_UPS + ROUNDS):
        for taken, call in zip(times, calls, strict=True):
            start = perf_counter()
            call()
            taken.append((perf_counter() - start) * 1000)
    return [statistics.median(taken[WARM_UPS:]) for taken in times]

"""Several sessions at once, without sleeping: a call in a thread, and the moment it waits for a lock."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from tests.sql.client import Client

Answer = TypeVar("Answer")
PATIENCE_S = 60
"""Longer than any of these calls takes on a loaded machine; only a hang reaches it."""


@contextmanager
def in_background(call: Callable[[], Answer]) -> Iterator[Future[Answer]]:
    """Runs the call in a thread; leaving the block waits for it and raises what it raised."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        yield future
        future.result(PATIENCE_S)


def until_blocked(watcher: Client, blocked: Client) -> None:
    """Returns as soon as the session waits for another one's lock; each look is a round trip."""
    pid = blocked.connection.info.backend_pid
    while not watcher.value("select cardinality(pg_blocking_pids(%s)) > 0", pid):
        pass


def all_at_once(calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Runs each call in a thread of its own, all let go at the same moment; raises the first error."""
    gate = threading.Barrier(len(calls))

    def wait_and(call: Callable[[], Answer]) -> Answer:
        gate.wait(PATIENCE_S)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(wait_and, call) for call in calls]
        return [future.result(PATIENCE_S) for future in futures]

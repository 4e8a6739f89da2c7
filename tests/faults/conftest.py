"""Faults that several tests make: a line to the database that can be slow or silent, and a limit of processes."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tests.fixtures.dispatchers import Site
from tests.fixtures.proxy import Proxy, proxy
from tests.fixtures.scarcity import PidsGroup

PIDS = Path("/sys/fs/cgroup/pids")


@pytest.fixture
def line(site: Site) -> Iterator[Proxy]:
    """A line to the database, for :func:`tests.fixtures.proxy.start_over`."""
    server = psycopg.conninfo.conninfo_to_dict(site.url)["host"]
    with (
        TemporaryDirectory(prefix="llmctl-proxy-") as directory,
        proxy(Path(directory), Path(str(server))) as made,
    ):
        yield made


@pytest.fixture
def pids_group() -> Iterator[PidsGroup]:
    """A control group that limits processes; at the end everything in it is killed."""
    if not os.access(PIDS / "cgroup.procs", os.W_OK):
        pytest.skip("cannot limit processes here")
    group = PidsGroup(PIDS / f"llmctl-test-{os.getpid()}-{time.monotonic_ns()}")
    group.directory.mkdir()
    try:
        yield group
    finally:
        group.limit(None)
        for pid in group.processes():
            os.kill(pid, signal.SIGKILL)
        while group.processes():
            os.sched_yield()
        group.directory.rmdir()

"""Faults that several tests make: a line to the database that can be slow or silent, and a limit of processes."""

import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from dispatcher.database.migrate import migrate
from tests.fixtures.dispatchers import PATIENCE, Site
from tests.fixtures.postgres import PostgresServer, serving
from tests.fixtures.proxy import Proxy, proxy
from tests.fixtures.scarcity import PidsGroup

PIDS = Path("/sys/fs/cgroup/pids")


class Crashing:
    """A site on its own server, which the test may kill."""

    def __init__(self, server: PostgresServer, site: Site) -> None:
        self.server = server
        self.site = site

    def kill(self) -> None:
        """Stop the server like `pg_ctl stop -m immediate`: every backend dies in the middle of its work."""
        pid = self.server.embedded.status().pid
        assert pid is not None
        watch = os.pidfd_open(pid)
        os.kill(pid, signal.SIGQUIT)
        assert select.select([watch], [], [], PATIENCE)[0], "the server did not end"
        os.close(watch)

    def start(self) -> None:
        self.server.embedded.start()
        self.site.connect()


@pytest.fixture(scope="module")
def mortal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server that only the tests of one file use, and kill."""
    with serving(tmp_path_factory.mktemp("mortal")) as server:
        yield server


@pytest.fixture
def crashing(tmp_path: Path, mortal_server: PostgresServer) -> Iterator[Crashing]:
    mortal_server.embedded.start()
    name = mortal_server.create()
    migrate(mortal_server.settings(name))
    site = Site(tmp_path, mortal_server.settings(name))
    yield Crashing(mortal_server, site)
    site.close()


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
